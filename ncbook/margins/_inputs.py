"""What the functions on margins are given, checked: each complaint names the argument."""

import math

import torch
from torch import Tensor

from ncbook._checks import check_finite, check_labels, check_matrix


def check_samples(features: Tensor, labels: Tensor, num_classes: int | None = None) -> int:
    """Ask for labelled rows of 2 ≤ k classes, each of which occurs, and return k.

    Args:
        features: (n, d).
        labels: (n,) integers in 0 … k−1.
        num_classes: k; one more than the largest label if not given.

    Raises:
        ValueError: naming the argument.
    """
    check_matrix("features", features)
    check_labels(labels, len(features))
    k = int(labels.max()) + 1 if num_classes is None else num_classes
    check_range(labels, k)
    if k < 2:
        raise ValueError("labels: a margin is between 2 classes, got 1")
    check_present(labels.cpu().bincount(minlength=k))
    return k


def check_range(labels: Tensor, num_classes: int) -> None:
    """Ask for labels in 0 … k−1.

    Raises:
        ValueError: naming ``labels``.
    """
    low, high = (int(extreme) for extreme in torch.aminmax(labels))
    if low < 0 or high >= num_classes:
        wrong = low if low < 0 else high
        raise ValueError(f"labels: expected 0 to {num_classes - 1}, got {wrong}")


def check_present(counts: Tensor) -> None:
    """Ask for at least one sample of each class.

    Raises:
        ValueError: naming ``labels`` and the first class without a sample.
    """
    if not counts.all():
        absent = int((counts == 0).nonzero()[0])
        raise ValueError(f"labels: no sample of class {absent} of 0 to {len(counts) - 1}")


def check_classifier(weight: Tensor, bias: Tensor | None = None) -> None:
    """Ask for the weight of a linear classifier of 2 classes or more, and a bias that fits it.

    Raises:
        ValueError: naming the argument.
    """
    check_matrix("weight", weight)
    if len(weight) < 2:
        raise ValueError("weight: a margin is between 2 classes, got 1 row")
    if bias is None:
        return
    if not isinstance(bias, Tensor) or bias.shape != weight.shape[:1]:
        got = tuple(bias.shape) if isinstance(bias, Tensor) else type(bias).__name__
        raise ValueError(f"bias: expected shape {(len(weight),)}, got {got}")
    if not bias.is_floating_point():
        raise ValueError(f"bias: expected a floating-point dtype, got {bias.dtype}")
    check_finite("bias", bias)


def check_dim(features: Tensor, weight: Tensor) -> None:
    """Ask for features as wide as the weight.

    Raises:
        ValueError: naming ``features``.
    """
    if features.shape[1] != weight.shape[1]:
        raise ValueError(f"features: expected dim {weight.shape[1]}, got {features.shape[1]}")


def check_positive(**numbers: float) -> None:
    """Ask for positive finite numbers.

    Raises:
        ValueError: naming the first that isn't one.
    """
    for name, number in numbers.items():
        if not 0 < number < math.inf:
            raise ValueError(f"{name}: expected a positive finite number, got {number!r}")


def check_count(least: int, **numbers: int) -> None:
    """Ask for integers that aren't below ``least``.

    Raises:
        ValueError: naming the first that is.
    """
    for name, number in numbers.items():
        if not isinstance(number, int) or number < least:
            raise ValueError(f"{name}: expected an integer of at least {least}, got {number!r}")


def double(values: Tensor) -> Tensor:
    """In float64, on the CPU, without a gradient."""
    return values.detach().to("cpu", torch.float64)


def work_device(features: Tensor) -> torch.device:
    """Where the features are, except on Apple's GPUs: they have no float64."""
    return torch.device("cpu") if features.device.type == "mps" else features.device
