"""One writer of a run at a time, be it one process or many ranks."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from ncbook.lab.ranks.group import Ranks

_PAUSE = 1.0  # seconds


@contextmanager
def held(path: Path, ranks: Ranks) -> Iterator[None]:
    """The lock at ``path``, which rank 0 takes for all; waits for as long as it takes.

    Raises:
        NcbookError: on a rank that doesn't see the lock.
    """
    lock = FileLock(path)
    # Asked now and then, for ranks that wait for a message without end take rank 0 for lost.
    while not ranks.told(ranks.first and _taken(lock)):
        pass
    try:
        if not path.exists():
            raise ranks.astray()
        yield
    finally:
        lock.release()


def _taken(lock: FileLock) -> bool:
    try:
        lock.acquire(timeout=_PAUSE)
    except Timeout:
        return False
    return True
