"""Input checks that the theory modules share: each names the argument and says what was wrong."""

import torch
from torch import Tensor


def check_matrix(name: str, matrix: Tensor) -> None:
    """Ask for a non-empty 2-D floating-point tensor without NaN or infinity.

    Raises:
        ValueError: naming ``name``, if it is anything else.
    """
    if not isinstance(matrix, Tensor):
        raise ValueError(f"{name}: expected a torch.Tensor, got {type(matrix).__name__}")
    if not matrix.is_floating_point():
        raise ValueError(f"{name}: expected a floating-point dtype, got {matrix.dtype}")
    if matrix.ndim != 2:
        raise ValueError(f"{name}: expected 2 dimensions, got shape {tuple(matrix.shape)}")
    if matrix.numel() == 0:
        raise ValueError(f"{name}: empty, shape {tuple(matrix.shape)}")
    check_finite(name, matrix)


def check_finite(name: str, values: Tensor) -> None:
    """Ask for entries that are all finite, without a temporary of the size of ``values``.

    Raises:
        ValueError: naming ``name`` and the first row that holds NaN or infinity.
    """
    extremes = torch.stack(torch.aminmax(values.detach()))  # (2,): NaN propagates into both
    if not extremes.isfinite().all():
        row = next(i for i, row in enumerate(values.detach()) if not row.isfinite().all())
        raise ValueError(f"{name}: row {row} holds NaN or infinity")


def check_labels(labels: Tensor, length: int) -> None:
    """Ask for one integer label a row.

    Raises:
        ValueError: naming ``labels``, if it is not a 1-D integer tensor of this length.
    """
    if not isinstance(labels, Tensor):
        raise ValueError(f"labels: expected a torch.Tensor, got {type(labels).__name__}")
    if labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
        raise ValueError(f"labels: expected an integer dtype, got {labels.dtype}")
    if labels.ndim != 1:
        raise ValueError(f"labels: expected 1 dimension, got shape {tuple(labels.shape)}")
    if len(labels) != length:
        raise ValueError(f"labels: got {len(labels)} labels for {length} rows")
