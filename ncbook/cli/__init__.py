"""The command line ``ncbook``, one group of commands a file.

Nothing here imports torch, matplotlib or a notebook library before a command needs it: help has to
appear at once.
"""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

INTERRUPTED = 130  # what shells give a program that ended by SIGINT


def main() -> None:
    """The program ``ncbook``."""
    # A redirected stream on Windows takes the system's code page, which has no − or × in it.
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
    try:
        from ncbook.cli.app import app
        from ncbook.cli.ranks import quiet_but_first

        quiet_but_first()

        app(prog_name="ncbook")
    except KeyboardInterrupt:
        sys.exit(interrupted())


def interrupted() -> int:
    """Say that Ctrl-C ended the program; returns the exit code."""
    line = "Interrupted. What was finished is kept; the same command goes on from there."
    print(line, file=sys.stderr)
    return INTERRUPTED


@contextmanager
def ctrl_c_waits() -> Iterator[None]:
    """Have Ctrl-C raise KeyboardInterrupt at the end of the block only.

    For imports of torch: its C++ part swallows the exception, or dies of it.
    """
    pressed = Event()
    before = signal.signal(signal.SIGINT, lambda number, frame: pressed.set())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if pressed.is_set():
        raise KeyboardInterrupt
