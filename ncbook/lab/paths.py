"""Where data and runs are kept: one cache folder of the user's, shared by all checkouts."""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from platformdirs import user_cache_path

from ncbook.errors import NcbookError

_FULL = {errno.ENOSPC, errno.EDQUOT} if hasattr(errno, "EDQUOT") else {errno.ENOSPC}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR}


def cache_dir() -> Path:
    """The cache folder, made if need be: ``NCBOOK_CACHE``, else the platform's user cache.

    Raises:
        NcbookError: if the folder can't be made or written to.
    """
    return _writable(
        Path(os.environ.get("NCBOOK_CACHE") or user_cache_path("ncbook", appauthor=False))
    )


def data_dir() -> Path:
    """The folder of downloaded and decoded data sets, made if need be."""
    return _writable(cache_dir() / "data")


def assets_dir() -> Path:
    """The folder of what pages need from elsewhere, made if need be."""
    return _writable(cache_dir() / "assets")


def runs_dir() -> Path:
    """The folder of training runs, made if need be."""
    return _writable(cache_dir() / "runs")


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turns a full disk or a forbidden write below ``folder`` into an error one can act upon.

    Raises:
        NcbookError: in place of the OSError.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise NcbookError(
                f"The disk of {folder} is full ({error.strerror})",
                "Free some space there, or set NCBOOK_CACHE to a folder on another disk",
            ) from error
        if error.errno in _FORBIDDEN:
            raise NcbookError(
                f"The folder {folder} can't be written to ({error.strerror})",
                "Make it writable; for the cache, NCBOOK_CACHE can name another",
            ) from error
        raise


def _writable(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise _not_writable(folder, error) from error
    return folder


def _not_writable(folder: Path, error: OSError) -> NcbookError:
    return NcbookError(
        f"The cache folder {folder} can't be written to ({error.strerror})",
        "Set NCBOOK_CACHE to a folder that you can write to",
    )
