"""Where data and runs are kept: one cache folder of the user's, shared by all checkouts."""

import os
import tempfile
from pathlib import Path

from platformdirs import user_cache_path

from ncbook.errors import NcbookError


def cache_dir() -> Path:
    """The cache folder, made if need be: ``NCBOOK_CACHE``, else the platform's user cache.

    Raises:
        NcbookError: if the folder can't be made or written to.
    """
    folder = Path(os.environ.get("NCBOOK_CACHE") or user_cache_path("ncbook", appauthor=False))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise NcbookError(
            f"The cache folder {folder} can't be written to ({error.strerror})",
            "Set NCBOOK_CACHE to a folder that you can write to",
        ) from error
    return folder


def data_dir() -> Path:
    """The folder of downloaded and decoded data sets, made if need be."""
    return _subfolder("data")


def runs_dir() -> Path:
    """The folder of training runs, made if need be."""
    return _subfolder("runs")


def _subfolder(name: str) -> Path:
    folder = cache_dir() / name
    folder.mkdir(exist_ok=True)
    return folder
