"""Files that are whole or absent: atomic writes, checksums, and a place for damaged ones."""

import hashlib
import json
import logging
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from ncbook.lab.paths import writing

MANIFEST = "manifest.json"
log = logging.getLogger(__name__)


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Have ``write`` fill a temporary file, then put it in place of ``path`` in one step."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with writing(path.parent):
        try:
            write(temporary)
            _sync(temporary)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def publish(folder: Path, fill: Callable[[Path], None]) -> None:
    """Have ``fill`` write files into a temporary folder, add checksums, move it to ``folder``."""
    temporary = folder.with_name(f"{folder.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    with writing(folder.parent):
        try:
            temporary.mkdir()
            fill(temporary)
            sums = {file.name: _sha256(file) for file in sorted(temporary.iterdir())}
            (temporary / MANIFEST).write_text(json.dumps(sums, indent=1), encoding="utf-8")
            for file in temporary.iterdir():
                _sync(file)
            temporary.replace(folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def find_damage(folder: Path) -> str | None:
    """The first file of a published folder that isn't as it was written, or None if all are."""
    try:
        sums = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return MANIFEST
    return next((name for name, digest in sums.items() if not _holds(folder / name, digest)), None)


def set_aside(path: Path, reason: str) -> Path:
    """Rename a damaged file or folder so that nothing reads it again, and say so."""
    aside = path.with_name(f"{path.name}.damaged-{time.time_ns()}")
    path.replace(aside)
    log.warning("%s is damaged (%s): set aside as %s, will be made anew", path, reason, aside.name)
    return aside


def _holds(file: Path, digest: str) -> bool:
    return file.is_file() and _sha256(file) == digest


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _sync(file: Path) -> None:
    # Without this a power cut after the rename can leave a name with nothing behind it.
    with file.open("rb+") as stream:
        os.fsync(stream.fileno())
