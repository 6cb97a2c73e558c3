#!/usr/bin/env python3
"""From a fresh clone to an executed book: sets up the environment, then runs one command in it.

    python3 bootstrap.py build          make .venv, then run `ncbook build`
    python3 bootstrap.py test           make .venv, then run `pytest`
    python3 bootstrap.py --here build   the same in the environment that is active (conda, Colab)
    python3 bootstrap.py lock           resolve constraints.txt anew

What follows `build` or `test` is handed on, as in `build --profile smoke`. On Windows, say `py` in
place of `python3`. Needs Python 3.11 or newer and nothing else.
"""

# No syntax newer than 3.7 here: an older Python has to get as far as the message that says so.
from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent
ENVIRONMENT = ROOT / ".venv"
OLDEST = (3, 11)
EXTRAS = {"build": ["book"], "test": ["book", "test"]}
MODULES = {"build": ["ncbook", "build"], "test": ["pytest"]}
RESOLVE = """uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --upgrade
    --quiet --no-annotate --no-emit-index-url --output-file constraints.txt"""
NO_NETWORK = (
    "Failed to establish a new connection",
    "NameResolutionError",
    "name resolution",
    "ConnectTimeout",
    "ProxyError",
)


class Problem(Exception):
    """What went wrong, and what mends it."""

    def __init__(self, cause: str, cure: str, exit_code: int = 1) -> None:
        super().__init__(cause, cure)
        self.cause, self.cure, self.exit_code = cause, cure, exit_code


def main(arguments: list[str]) -> int:
    """Do what the command line asks; returns the exit code."""
    here = arguments[:1] == ["--here"]
    command, *rest = arguments[here:] or ["--help"]
    if command in ("-h", "--help"):
        print(__doc__)
        return 0
    check_python()
    if command == "lock":
        return lock()
    if command not in EXTRAS:
        raise Problem(f"There is no command {command!r}", "Say build, test or lock", 2)
    python = sys.executable if here else make_environment()
    install(python, EXTRAS[command], locked=not here)
    return hand_over([python, "-m", *MODULES[command], *rest])


def check_python() -> None:
    """Refuse a Python that is too old."""
    if sys.version_info[:2] < OLDEST:
        wanted = ".".join(map(str, OLDEST))
        raise Problem(
            f"Python {wanted} or newer is needed; {sys.executable} is {sys.version.split()[0]}",
            f"Install one and call it by name, as in: python{wanted} bootstrap.py build",
            2,
        )


def make_environment() -> str:
    """Make .venv if it is missing or was left half made; returns its Python."""
    python = interpreter(ENVIRONMENT)
    probe = [python, "-c", f"import sys, pip; sys.exit(sys.version_info < {OLDEST})"]
    if Path(python).exists() and subprocess.call(probe, stderr=subprocess.DEVNULL) == 0:
        return python
    if importlib.util.find_spec("ensurepip") is None:
        raise Problem(
            "This Python can't make environments: its module ensurepip is missing",
            "On Debian or Ubuntu: sudo apt install python3-venv; then run this again",
        )
    with step(f"Making .venv with Python {sys.version.split()[0]}"):
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT)], check=True)
    return python


def interpreter(environment: Path) -> str:
    """The Python of an environment."""
    return str(environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))


def install(python: str, extras: list[str], locked: bool) -> None:
    """Have pip install ncbook with these extras, unless nothing changed since it last did."""
    ask = [python, "-c", "import sys; print(sys.prefix)"]
    stamp = Path(subprocess.check_output(ask, text=True).strip()) / "ncbook-bootstrap.json"
    state = {"inputs": fingerprint(locked), "extras": extras}
    if is_current(stamp, state):
        return
    # Gone until pip is through, so that an interrupted installation is done again.
    stamp.unlink(missing_ok=True)
    project = f".[{','.join(extras)}]"
    limits = ["-c", "constraints.txt"] if locked else []
    with step(f"Installing {project} (the first time: some GB, some minutes)"):
        pip([python, "-m", "pip", "install", "--progress-bar=off", *limits, "-e", project])
    stamp.write_text(json.dumps(state), encoding="utf-8")


def fingerprint(locked: bool) -> str:
    """A hash of everything that decides what gets installed."""
    digest = hashlib.sha256(f"{ROOT} {sys.version} {locked}".encode())
    for name in ("pyproject.toml", "constraints.txt", "ncbook/__init__.py"):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def is_current(stamp: Path, wanted: dict) -> bool:
    """Whether the last installation had the same inputs and at least these extras."""
    try:
        found = json.loads(stamp.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return found["inputs"] == wanted["inputs"] and set(wanted["extras"]) <= set(found["extras"])


def pip(command: list[str]) -> None:
    """Run pip and show what it downloads and installs; explain its failure."""
    said = []
    pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    process = subprocess.Popen(command, cwd=ROOT, text=True, errors="replace", **pipe)
    try:
        for line in process.stdout:
            said.append(line.strip())
            show(said[-1])
    except KeyboardInterrupt:
        process.terminate()
        raise
    finally:
        process.wait()
    if process.returncode != 0:
        raise explain(said)


def show(line: str) -> None:
    """Print those of pip's lines that tell how far it is: large downloads, and the last stage."""
    large = re.match(r"Downloading (\S+?)-(\d\S*?)-\S+ \((\d\d+\S* [MG]B)\)", line)
    if large:
        print("  downloading {} {} ({})".format(*large.groups()), flush=True)
    elif line.startswith("Installing collected packages"):
        print(f"  installing {line.count(',') + 1} packages", flush=True)


def explain(said: list[str]) -> Problem:
    """Why pip failed, from what it said."""
    text = "\n".join(said)
    if "externally-managed-environment" in text:
        return Problem(
            "This Python belongs to the system", "Leave out --here or activate an environment"
        )
    if "No space left on device" in text:
        return Problem("The disk is full", "Free some 8 GB and run this again")
    if any(sign in text for sign in NO_NETWORK):
        return Problem(
            "pip reached no package index",
            "Check the network, and pip's settings with: pip config list; then run this again",
        )
    if "No matching distribution found for torch" in text:
        return Problem(
            "Torch has no release for this Python on this system",
            "Use Python 3.11 to 3.14, 64 bit, on Linux, Windows or macOS 14 with Apple silicon",
        )
    errors = [line for line in said if line.startswith("ERROR")] or said
    return Problem("pip failed: " + " ".join(errors[-3:]), "Mend that and run this again")


def hand_over(command: list[str]) -> int:
    """Run the command in place of this process: its exit code and its Ctrl-C are its own."""
    os.chdir(ROOT)
    print("Running " + " ".join(command[2:]), flush=True)
    if os.name == "posix":
        os.execv(command[0], command)
    # On Windows exec would give the prompt back at once.
    return subprocess.call(command)


def lock() -> int:
    """Resolve all extras, for every platform and Python from 3.11 on, into constraints.txt."""
    with tempfile.TemporaryDirectory() as folder:
        python = interpreter(Path(folder))
        with step("Getting uv, which resolves for all platforms at once"):
            subprocess.run([sys.executable, "-m", "venv", folder], check=True)
            pip([python, "-m", "pip", "install", "uv"])
        with step("Writing constraints.txt"):
            header = ["--custom-compile-command", "python bootstrap.py lock"]
            command = [python, "-m", *RESOLVE.split(), *header]
            subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return 0


@contextlib.contextmanager
def step(what: str):
    """Say what is being done, and afterwards how long it took."""
    print(what + " ...", flush=True)
    begun = time.monotonic()
    yield
    print(f"  done in {time.monotonic() - begun:.0f} s", flush=True)


def run() -> int:
    """Turn every failure into two lines, a cause and a cure."""
    try:
        return main(sys.argv[1:])
    except Problem as problem:
        found = problem
    except subprocess.CalledProcessError as error:
        what = " ".join(map(str, error.cmd))
        found = Problem(f"This failed: {what}", "Its own lines above say why")
    except KeyboardInterrupt:
        print("Interrupted. The same command goes on where this stopped.", file=sys.stderr)
        return 130
    print(f"Error: {found.cause}.\nCure:  {found.cure}.", file=sys.stderr)
    return found.exit_code


if __name__ == "__main__":
    sys.exit(run())
