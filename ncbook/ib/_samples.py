"""Data matrices, one sample a row: checked, centred and read in chunks, never copied whole."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

# Rows are read in float64 chunks of about this many entries, 4 MiB.
_CHUNK_ENTRIES = 2**19


class Samples:
    """A checked (n, d) matrix of any real dtype with its column means.

    Attributes:
        name: what errors call it.
        data: (n, d) as given.
        mean: (d,) float64 column means.
        extent: (d,) largest magnitude in each column.
        constant: (d,) bool, whether all entries of the column are equal.

    Raises:
        ValueError: naming ``name``, if it is no non-empty real matrix of finite entries.
    """

    def __init__(self, name: str, values: ArrayLike) -> None:
        self.name = name
        self.data = _real_matrix(name, values)
        low, high, total = (np.full(self.dim, start) for start in (np.inf, -np.inf, 0.0))
        for rows in self.row_slices():
            chunk = self.data[rows]
            np.minimum(low, chunk.min(0), out=low)  # NaN spreads through both
            np.maximum(high, chunk.max(0), out=high)
            total += chunk.sum(0, dtype=np.float64)
        self._check_finite(low, high)
        self.mean = total / len(self)
        self.extent: Array = np.maximum(np.abs(low), np.abs(high))
        self.constant: NDArray[np.bool_] = low == high

    def __len__(self) -> int:
        return len(self.data)

    @property
    def dim(self) -> int:
        """d, the number of columns."""
        return int(self.data.shape[1])

    def row_slices(self, width: int = 0, at_least: int = 1) -> Iterator[slice]:
        """Slices that cover the rows in order, of as many rows as a chunk of ``width`` columns has.

        Args:
            width: how many columns a chunk has, where not those of the data.
            at_least: rows of a slice, even if that exceeds the size of a chunk.
        """
        step = max(at_least, _CHUNK_ENTRIES // max(width, self.dim))
        return (slice(start, start + step) for start in range(0, len(self), step))

    def centred(self, rows: slice) -> Array:
        """(rows, d) float64, minus the column means."""
        chunk: Array = np.subtract(self.data[rows], self.mean, dtype=np.float64, order="C")
        return chunk

    def require_varying(self) -> None:
        """Ask for columns that vary.

        Raises:
            ValueError: naming the first constant column.
        """
        if self.constant.any():
            raise ValueError(f"{self.name}: column {int(self.constant.argmax())} is constant")

    def _check_finite(self, low: Array, high: Array) -> None:
        bad = ~(np.isfinite(low) & np.isfinite(high))
        if bad.any():
            column = int(bad.argmax())
            row = int(np.isfinite(self.data[:, column]).argmin())
            raise ValueError(f"{self.name}: entry ({row}, {column}) is NaN or infinite")


def paired_samples(x: ArrayLike, y: ArrayLike) -> tuple[Samples, Samples]:
    """``x`` and ``y`` as samples of the same length.

    Raises:
        ValueError: naming the one that is wrong, as ``Samples``, or ``y`` if the lengths differ.
    """
    source, target = Samples("x", x), Samples("y", y)
    if len(source) != len(target):
        raise ValueError(f"y: expected {len(source)} rows as x has, got {len(target)}")
    return source, target


def _real_matrix(name: str, values: ArrayLike) -> NDArray[np.floating]:
    data = np.asarray(values)
    if data.dtype.kind not in "fiub":
        raise ValueError(f"{name}: expected real numbers, got dtype {data.dtype}")
    if data.ndim != 2:
        raise ValueError(f"{name}: expected 2 dimensions, got shape {data.shape}")
    if data.size == 0:
        raise ValueError(f"{name}: empty, shape {data.shape}")
    return data
