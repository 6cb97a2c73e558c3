"""What loading a data set gives: images and labels of its two splits, and where they came from."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.uint8]  # (n, H, W, C)
Labels = NDArray[np.int64]  # (n,)


@dataclass(frozen=True, eq=False)
class Arrays:
    """The four decoded arrays of a data set, in the order of the original files."""

    train_images: Images
    train_labels: Labels
    test_images: Images
    test_labels: Labels

    def named(self) -> dict[str, NDArray[Any]]:
        """The arrays by field name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


@dataclass(frozen=True, eq=False)
class Dataset(Arrays):
    """A data set in memory, or mapped from the cache (read-only).

    Attributes:
        train_images: (n, H, W, C) uint8.
        train_labels: (n,) int64, classes 0 … k−1.
        test_images: (m, H, W, C) uint8.
        test_labels: (m,) int64.
        name: its name; of a stand-in ``digits-for-NAME``.
        source: where the data came from, in words.
        fallback: whether it stands in for a data set that could not be reached.
        class_names: one name a class, in label order.
        digest: SHA-256 over pixels and labels, hexadecimal: equal data, equal digest.
    """

    name: str
    source: str
    fallback: bool
    class_names: tuple[str, ...]
    digest: str

    @property
    def num_classes(self) -> int:
        """k."""
        return len(self.class_names)
