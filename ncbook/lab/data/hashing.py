"""Hashes of files and of decoded arrays."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ncbook.lab.data.dataset import Arrays

_BLOCK = 8192  # images hashed at a time: a memory-mapped array is never read into memory whole


def file_digest(path: Path, algorithm: str) -> str:
    """Hexadecimal digest of a file; ``algorithm`` is ``"md5"`` or ``"sha256"``."""
    with path.open("rb") as file:
        return hashlib.file_digest(
            file, lambda: hashlib.new(algorithm, usedforsecurity=False)
        ).hexdigest()


def bytes_digest(data: bytes, algorithm: str) -> str:
    """Hexadecimal digest of bytes in memory."""
    return hashlib.new(algorithm, data, usedforsecurity=False).hexdigest()


def array_digest(array: NDArray[Any]) -> str:
    """SHA-256 of an array's values in row-major order, little-endian, whatever the machine."""
    digest = hashlib.sha256()
    for start in range(0, len(array), _BLOCK):
        block = array[start : start + _BLOCK]
        digest.update(np.ascontiguousarray(block, dtype=block.dtype.newbyteorder("<")).data)
    return digest.hexdigest()


def arrays_digests(arrays: Arrays) -> dict[str, str]:
    """`array_digest` of each of the four arrays, by field name."""
    return {name: array_digest(array) for name, array in arrays.named().items()}


def dataset_digest(digests: dict[str, str]) -> str:
    """One digest for the data set, from those of its four arrays."""
    return bytes_digest("\n".join(digests[name] for name in sorted(digests)).encode(), "sha256")
