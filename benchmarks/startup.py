"""Start of the command line: ``ncbook --help``, beside the same with torch imported at once.

    python benchmarks/startup.py [--json PATH]

Medians of fresh processes in alternation. The target: help within 0.5 s.
"""

import functools
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # also when run as a script

from benchmarks.measuring import Figures, Work, json_path, median_seconds, report, save

ROUNDS = 7
HELPS = ("ncbook --help", "ncbook runs list --help")
START = "import sys; sys.argv[0] = 'ncbook'; from ncbook.cli import main; main()"
PROGRAMS = {"lazy imports": START, "torch at once": f"import torch; {START}"}


def start(program: str, arguments: list[str]) -> Work:
    command = [sys.executable, "-c", program, *arguments]
    return functools.partial(subprocess.run, command, check=True, stdout=subprocess.DEVNULL)


def measure(command: str) -> Figures:
    arguments = command.split()[1:]
    works = {name: start(program, arguments) for name, program in PROGRAMS.items()}
    return {"seconds": median_seconds(works, ROUNDS)}


def main(arguments: list[str] | None = None) -> None:
    path = json_path(__doc__, arguments)
    figures = {command: measure(command) for command in HELPS}
    report("Start of the command line", figures)
    save(figures, path)


if __name__ == "__main__":
    main()
