"""Running a student's code for so long and no longer."""

import ctypes
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
TICK = 0.02  # seconds between two looks at the thread
GRACE = 1.0  # seconds in which an interrupted thread may end


class TimeUpError(BaseException):
    """Raised inside code that has run out of time: no `except Exception` there swallows it."""


@dataclass
class _Outcome(Generic[T]):
    value: T | None = None
    error: BaseException | None = None


def limited(function: Callable[[], T], seconds: float) -> T:
    """The value of ``function()``, or whatever it raises, if that takes no longer than ``seconds``.

    It runs in a thread of its own and is interrupted between two steps of Python, on every system
    and from any thread. A single call into C that never returns can't be interrupted: its thread is
    left behind.

    Raises:
        TimeUpError: if it takes longer.
    """
    outcome: _Outcome[T] = _Outcome()

    def run() -> None:
        try:
            outcome.value = function()
        except BaseException as error:  # handed on below, SystemExit and KeyboardInterrupt included
            outcome.error = error

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        overdue = not _ends(thread, seconds)
    except KeyboardInterrupt:
        _interrupt(thread)
        raise
    if overdue:
        _interrupt(thread)
        raise TimeUpError
    if outcome.error is not None:
        raise outcome.error
    return outcome.value  # type: ignore[return-value]


def _ends(thread: threading.Thread, seconds: float) -> bool:
    """Whether a thread ends within so many seconds; Ctrl-C is heard meanwhile."""
    end = time.monotonic() + seconds
    while thread.is_alive() and time.monotonic() < end:
        thread.join(TICK)
    return not thread.is_alive()


def _interrupt(thread: threading.Thread) -> None:
    # Again and again: a bare `except` in a loop may swallow one.
    end = time.monotonic() + GRACE
    while thread.is_alive() and time.monotonic() < end:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(thread.ident or 0), ctypes.py_object(TimeUpError)
        )
        thread.join(TICK)
