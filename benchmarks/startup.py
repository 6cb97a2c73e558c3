"""Start of the command line: ``ncbook --help``, beside a bare Python and an import of torch.

    python benchmarks/startup.py [--json PATH]

Medians of fresh processes in alternation. The target: help within 0.5 s.
"""

import functools
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # also when run as a script

from benchmarks.measuring import Work, json_path, median_seconds, report, save

ROUNDS = 7
COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "ncbook --help": ["-m", "ncbook", "--help"],
    "ncbook runs list --help": ["-m", "ncbook", "runs", "list", "--help"],
    "import torch": ["-c", "import torch"],
}


def start(arguments: list[str]) -> Work:
    command = [sys.executable, *arguments]
    return functools.partial(subprocess.run, command, check=True, stdout=subprocess.DEVNULL)


def main(arguments: list[str] | None = None) -> None:
    path = json_path(__doc__, arguments)
    works = {name: start(command) for name, command in COMMANDS.items()}
    seconds = median_seconds(works, ROUNDS)
    rows = [(name, f"{value:.2f} s") for name, value in seconds.items()]
    report("Start of the command line", rows, ("process", "median"))
    save(seconds, path)


if __name__ == "__main__":
    main()
