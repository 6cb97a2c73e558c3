"""One process at a time makes things in a book's folder, and says plainly what keeps it from it."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from ncbook.errors import NcbookError
from ncbook.press.book import Book

_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}  # Windows knows no quotas
_UNWRITABLE = _FULL | {errno.EACCES, errno.EPERM, errno.EROFS}


@contextmanager
def working(book: Book) -> Iterator[None]:
    """Keeps any other process from executing or building the same book.

    Raises:
        NcbookError: if one is at it already, or the disk is full or can't be written to.
    """
    try:
        book.made.mkdir(exist_ok=True)
        with FileLock(book.made / ".lock", timeout=0):
            yield
    except Timeout as error:
        raise NcbookError(
            f"Another process is executing or building {book.root}", "Wait until it has ended"
        ) from error
    except OSError as error:
        if error.errno not in _UNWRITABLE:
            raise
        raise NcbookError(
            f"{error.filename or book.made} can't be written ({error.strerror})",
            "Free some space, or work in a copy of the book on a disk that you can write to",
        ) from error
