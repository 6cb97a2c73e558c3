"""When one rank ends, all do: soon, in order where they can, and with a line that says so.

``torchrun`` sends SIGTERM to the ranks that are left, and half a minute later SIGKILL. Most learn
of it before, from a connection that breaks. A rank may also wait inside a library for one that
is gone, where no Python code runs, a signal's handler included: a thread then ends the process.
"""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch.distributed as dist

from ncbook.errors import NcbookError
from ncbook.lab.ranks.telling import tell

GRACE = 3.0  # seconds to unwind: to finish a file, to release a lock
CURE = "Run the same command again, on any number of ranks: it goes on from the last checkpoint"


class _Terminated(BaseException):
    """SIGTERM has come: no failure of the run, so nothing that handles failures may handle it."""


@contextmanager
def stopping_together(size: int) -> Iterator[None]:
    """Turn a lost connection and SIGTERM into an error; SIGTERM ends the process in any case.

    Raises:
        NcbookError: in their place.
    """
    with _heeding_sigterm(size):
        try:
            yield
        except _Terminated as signalled:
            raise _stopped(size) from signalled
        except RuntimeError as error:
            if not _is_loss(error):
                raise
            cause = f"Another of the {size} ranks ended, so this one can't go on"
            raise NcbookError(cause, CURE) from error


def _is_loss(error: RuntimeError) -> bool:
    # Gloo's errors have no class of their own, but begin with the place in its source.
    return isinstance(error, dist.DistError) or "gloo" in str(error)


def _stopped(size: int) -> NcbookError:
    return NcbookError(f"This rank, one of {size}, was told to stop", CURE)


@contextmanager
def _heeding_sigterm(size: int) -> Iterator[None]:
    """Raise on SIGTERM, and should that not get through within `GRACE`, end the process."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may change how signals are met
        return
    reader, writer = os.pipe()
    os.set_blocking(writer, False)

    def stop(number: int, frame: Any) -> None:
        signal.signal(signal.SIGTERM, _leave_it_to_the_thread)
        raise _Terminated

    threading.Thread(target=_end_if_stuck, args=(reader, size), daemon=True).start()
    # Python's own handler runs between two lines of Python; what is written here doesn't wait.
    descriptor = signal.set_wakeup_fd(writer)
    handler = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except BaseException:
        # The signal is likely to come now, and mustn't cut short what is said of the error.
        signal.signal(signal.SIGTERM, _leave_it_to_the_thread)
        raise
    signal.signal(signal.SIGTERM, handler)
    signal.set_wakeup_fd(descriptor)
    os.close(writer)


def _leave_it_to_the_thread(number: int, frame: Any) -> None:
    """What a signal does while the process is ending as it is."""


def _end_if_stuck(reader: int, size: int) -> None:
    """Read signals' numbers until the pipe closes; end the process some time after SIGTERM."""
    with open(reader, "rb", buffering=0) as signals:
        while number := signals.read(1):
            if number[0] == signal.SIGTERM:
                time.sleep(GRACE)
                tell(_stopped(size))
                os._exit(1)
