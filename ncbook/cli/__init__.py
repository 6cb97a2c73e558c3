"""The command line ``ncbook``, one group of commands a file.

Nothing here imports torch, matplotlib or a notebook library before a command needs it: help has to
appear at once.
"""

import signal
import sys
from threading import Event
from types import FrameType

INTERRUPTED = 130  # what shells give a program that ended by SIGINT
ctrl_c = Event()


def main() -> None:
    """The program ``ncbook``."""
    # A redirected stream on Windows takes the system's code page, which has no − or × in it.
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
    signal.signal(signal.SIGINT, _note_ctrl_c)
    try:
        from ncbook.cli.app import app

        app(prog_name="ncbook")
    except KeyboardInterrupt:
        sys.exit(interrupted())


def _note_ctrl_c(number: int, frame: FrameType | None) -> None:
    # Remembered, since torch swallows a KeyboardInterrupt while it imports numpy.
    ctrl_c.set()
    signal.default_int_handler(number, frame)


def interrupted() -> int:
    """Say that Ctrl-C ended the program; returns the exit code."""
    line = "Interrupted. What was finished is kept; the same command goes on from there."
    print(line, file=sys.stderr)
    return INTERRUPTED
