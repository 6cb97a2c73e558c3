"""Label vectors as the samplers and the graph take them: a tensor, an array or a list."""

from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

Integers = NDArray[np.int64]
Labels = Tensor | ArrayLike


def as_integers(name: str, values: Any) -> Integers:
    """A non-empty 1-D array of int64 from a tensor on any device, an array or a sequence.

    Raises:
        ValueError: naming ``name``, if it is empty, not 1-D or not of an integer dtype.
    """
    array = values.numpy(force=True) if isinstance(values, Tensor) else np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"{name}: expected 1 dimension, got shape {array.shape}")
    if array.size == 0:
        raise ValueError(f"{name}: empty")
    if array.dtype.kind not in "iu":
        raise ValueError(f"{name}: expected an integer dtype, got {array.dtype}")
    return array.astype(np.int64)


def as_labels(labels: Labels) -> Tensor:
    """The labels as an (n,) int64 tensor on the CPU; errors as ``as_integers``."""
    return torch.from_numpy(as_integers("labels", labels))
