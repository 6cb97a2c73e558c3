"""Frames: the two geometries that class means collapse to, and how far given means are from each.

A simplex equiangular tight frame (ETF) is k unit vectors with inner products −1/(k−1); an
orthogonal frame (OF) is k unit vectors with inner products 0. Centring an OF gives an ETF scaled by
√((k−1)/k): the two differ only in where the origin sits. So the ETF distance, which centres, can't
tell them apart, and the OF distance, which does not, can: always say which was measured.
"""

import math
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import pad

from ncbook._checks import check_matrix

# A vector shorter than this share of the longest one is rounding noise and has no direction.
_VANISHING = 1e-14


def simplex_etf(num_classes: int, dim: int) -> Tensor:
    """k unit vectors with all inner products −1/(k−1): the most that k vectors can point apart.

    Args:
        num_classes: k ≥ 2.
        dim: d ≥ k − 1, the span of a simplex ETF.

    Returns:
        (k, d) float64, unit rows that sum to zero; zero beyond the first k−1 coordinates.

    Raises:
        ValueError: if ``num_classes`` < 2 or ``dim`` < k − 1.
    """
    _check_size(num_classes, dim, num_classes - 1)
    j = torch.arange(1, num_classes, dtype=torch.float64)
    helmert = torch.ones(num_classes - 1, num_classes, dtype=torch.float64).tril()  # (k-1, k)
    helmert.diagonal(1).copy_(-j)
    helmert /= (j * (j + 1)).sqrt().unsqueeze(1)  # orthonormal rows, each orthogonal to 1
    unit = helmert.T * math.sqrt(num_classes / (num_classes - 1))  # (k, k-1)
    return pad(unit, (0, dim - num_classes + 1))  # (k, d)


def orthogonal_frame(num_classes: int, dim: int) -> Tensor:
    """k orthogonal unit vectors without a negative entry: the first k coordinate axes.

    Args:
        num_classes: k ≥ 2.
        dim: d ≥ k.

    Returns:
        (k, d) float64, entrywise ≥ 0.

    Raises:
        ValueError: if ``num_classes`` < 2 or ``dim`` < k.
    """
    _check_size(num_classes, dim, num_classes)
    return torch.eye(num_classes, dim, dtype=torch.float64)


def centred(means: Tensor) -> Tensor:
    """M̃ = M − 1 μ_Gᵀ, where μ_G is the mean of the class means, whatever the class sizes.

    Args:
        means: (k, d) class means.

    Returns:
        (k, d) float64, on the CPU.

    Raises:
        ValueError: if ``means`` is not a finite (k ≥ 2, d) floating-point tensor.
    """
    means = _frame(means)
    return means - means.mean(0)


def cosine_matrix(means: Tensor, centre: bool) -> Tensor:
    """Cosines between the class means: −1/(k−1) off the diagonal for an ETF, 0 for an OF.

    Args:
        means: (k, d) class means.
        centre: whether to measure directions from the mean of the means (ETF) or the origin (OF).

    Returns:
        (k, k) float64, on the CPU.

    Raises:
        ValueError: if ``means`` is not a finite (k ≥ 2, d) floating-point tensor, or if one of them
            is zero (after centring, where asked for) and so has no direction.
    """
    frame = _directed(means, centre)
    unit = frame / frame.norm(dim=1, keepdim=True)
    cosines: Tensor = unit @ unit.T
    return cosines


def mean_cosine(means: Tensor, centre: bool) -> float:
    """The mean of the k(k−1) off-diagonal entries of ``cosine_matrix``; arguments as there."""
    cosines = cosine_matrix(means, centre)
    k = len(cosines)
    return float(cosines.sum() - cosines.trace()) / (k * (k - 1))


def gram_matrix(means: Tensor, centre: bool) -> Tensor:
    """G/‖G‖_F for G = M Mᵀ or, centred, M̃ M̃ᵀ: angles and relative lengths in one picture.

    Args and errors as ``cosine_matrix``.

    Returns:
        (k, k) float64 of unit Frobenius norm, on the CPU.
    """
    frame = _directed(means, centre)
    gram: Tensor = frame @ frame.T
    return gram.div(gram.norm())


def gram_distance(means: Tensor, target: Literal["etf", "of"]) -> float:
    """Δ(G, T) = ‖G/‖G‖_F − T/‖T‖_F‖_F, from 0 (that frame, at any scale) to at most √2.

    Δ_ETF compares M̃ M̃ᵀ (centred) with I − 11ᵀ/k; Δ_OF compares M Mᵀ (**not** centred) with I, as in
    arXiv:2306.07960. An exact OF has Δ_ETF = 0, an exact ETF has Δ_OF = √(2 − 2√((k−1)/k)): 0.320
    at k = 10, but 0.100 at k = 100.

    Args:
        means: (k, d) class means.
        target: "etf" or "of".

    Raises:
        ValueError: if ``target`` is unknown, or for ``means`` as in ``cosine_matrix``.
    """
    if target not in ("etf", "of"):
        raise ValueError(f'target: expected "etf" or "of", got {target!r}')
    gram = gram_matrix(means, centre=target == "etf")
    frame = torch.eye(len(gram), dtype=torch.float64)
    if target == "etf":
        frame -= 1 / len(gram)
    return float((gram - frame / frame.norm()).norm())


def _check_size(num_classes: int, dim: int, least_dim: int) -> None:
    if num_classes < 2:
        raise ValueError(f"num_classes: a frame needs at least 2 classes, got {num_classes}")
    if dim < least_dim:
        raise ValueError(f"dim: {num_classes} classes need at least {least_dim}, got {dim}")


def _frame(means: Tensor) -> Tensor:
    check_matrix("means", means)
    if len(means) < 2:
        raise ValueError("means: expected at least 2 classes, got 1")
    return means.detach().cpu().double()


def _directed(means: Tensor, centre: bool) -> Tensor:
    """The means, centred or not, once each of them is known to have a direction."""
    uncentred = _frame(means)
    frame = centred(means) if centre else uncentred
    lengths = frame.norm(dim=1)
    if (lengths <= _VANISHING * uncentred.norm(dim=1).max()).any():
        point = "equals the mean of the means" if centre else "is zero"
        raise ValueError(f"means: row {int(lengths.argmin())} {point}, so it has no direction")
    return frame
