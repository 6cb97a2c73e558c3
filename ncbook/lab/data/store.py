"""Decoded arrays on disk, memory-mapped: a folder a data set, and a check that takes milliseconds.

A folder holds four ``.npy`` files and ``manifest.json``. It is written under another name and moved
into place when whole, so that a reader sees all of it or nothing.
"""

import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ncbook.lab.data.dataset import Arrays
from ncbook.lab.data.hashing import array_digest

_FORMAT = 1
_BLOCK = 8192  # images written at a time: no second copy of a whole array
_PAGES, _PAGE = 16, 4096  # what the quick check reads of each file: few enough for a spinning disk
_ARRAYS = ("train_images", "train_labels", "test_images", "test_labels")


@dataclass(frozen=True, eq=False)
class Stored:
    """A data set to be stored, or as found on disk.

    Attributes:
        arrays: its arrays.
        source: where it came from, in words.
        digests: SHA-256 of each array, by name.
    """

    arrays: Arrays
    source: str
    digests: dict[str, str]


class Damaged(Exception):
    """A stored file is not what was written.

    Args:
        path: the file.
        reason: what is wrong with it.
    """

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason


def write(folder: Path, data: Stored) -> Stored:
    """Store a data set as ``folder``, replacing what is there; gives it mapped from disk.

    The caller holds the data set's lock.
    """
    draft = folder.with_name(folder.name + ".writing")
    shutil.rmtree(draft, ignore_errors=True)  # left by a process that was killed
    draft.mkdir()
    try:
        samples = {
            name: _write_array(draft / f"{name}.npy", array)
            for name, array in data.arrays.named().items()
        }
        facts = {"format": _FORMAT, "source": data.source, "digests": data.digests}
        _write_manifest(draft / "manifest.json", facts | {"samples": samples})
        shutil.rmtree(folder, ignore_errors=True)
        draft.replace(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return _open(folder)


def read(folder: Path) -> Stored | None:
    """Map a stored data set; None if there is none.

    Raises:
        Damaged: if a file is missing, or differs from what was written where the quick check looks.
    """
    return _open(folder) if folder.is_dir() else None


def check(folder: Path) -> Stored | None:
    """`read`, then hash every value of every array and compare with what was written.

    Raises:
        Damaged: naming the file that differs.
    """
    stored = read(folder)
    if stored is not None:
        for name, array in stored.arrays.named().items():
            if array_digest(array) != stored.digests[name]:
                raise Damaged(folder / f"{name}.npy", "its values differ from what was written")
    return stored


def set_aside(damaged: Damaged) -> Path:
    """Move a damaged file beside its data set's folder, to be looked at; gives its new path."""
    folder = damaged.path.parent
    aside = folder.with_name(f"{folder.name}-{damaged.path.name}.damaged")
    if damaged.path.exists():
        damaged.path.replace(aside)
    return aside


def size_on_disk(folder: Path) -> int:
    """Bytes taken by a stored data set; 0 if there is none."""
    return sum(path.stat().st_size for path in folder.glob("*")) if folder.is_dir() else 0


def _open(folder: Path) -> Stored:
    facts = _read_manifest(folder / "manifest.json")
    arrays = Arrays(*(_map(folder / f"{name}.npy", facts["samples"][name]) for name in _ARRAYS))
    return Stored(arrays, facts["source"], facts["digests"])


def _write_array(path: Path, array: NDArray[Any]) -> str:
    # np.save writes the values by an own route that reports a full disk without its error number.
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, _header(array))
        for start in range(0, len(array), _BLOCK):
            file.write(np.ascontiguousarray(array[start : start + _BLOCK]).data)
        _sync(file)
    return _sample(path)


def _header(array: NDArray[Any]) -> dict[str, Any]:
    return {
        "descr": np.lib.format.dtype_to_descr(array.dtype),
        "fortran_order": False,
        "shape": array.shape,
    }


def _write_manifest(path: Path, facts: dict[str, Any]) -> None:
    manifest = {"facts": facts, "sha256": _seal(facts)}
    with path.open("wb") as file:
        file.write(json.dumps(manifest, indent=1).encode())
        _sync(file)


def _seal(facts: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _read_manifest(path: Path) -> dict[str, Any]:
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        facts: dict[str, Any] = manifest["facts"]
        sound = manifest["sha256"] == _seal(facts) and facts["format"] == _FORMAT
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Damaged(path, f"it can't be read ({type(error).__name__})") from error
    if not sound:
        raise Damaged(path, "it differs from what this version wrote")
    return facts


def _map(path: Path, sample: str) -> NDArray[Any]:
    try:
        if _sample(path) != sample:
            raise Damaged(path, "it differs from what was written")
        return np.lib.format.open_memmap(path, mode="r")
    except (OSError, ValueError) as error:
        raise Damaged(path, f"it can't be read ({error})") from error


def _sample(path: Path) -> str:
    """SHA-256 over a file's length and pages evenly spread from its first to its last."""
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        for page in range(_PAGES):
            file.seek(max(size - _PAGE, 0) * page // (_PAGES - 1))
            digest.update(file.read(_PAGE))
    return digest.hexdigest()
