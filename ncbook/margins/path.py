"""The regularisation path of softmax regression, whose end is the direction of the SVM."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]
from torch import Tensor

from ncbook._checks import check_matrix
from ncbook.margins._inputs import check_positive, check_samples, double
from ncbook.margins._newton import minimise
from ncbook.margins._pairs import Pairs

_ACCURACY, _ROUNDING = 1e-9, 1e-14  # of the weight, relative, and of a sum, to its terms


def regularised_ce(
    features: Tensor, labels: Tensor, decay: float, *, start: Tensor | None = None
) -> Tensor:
    """The minimiser of mean cross-entropy + λ/2 ‖W‖²_F over linear classifiers without a bias.

    For separable features its direction tends to that of ``hard_margin_svm`` as λ → 0, while its
    norm grows like log(1/λ) over the margin (Rosset, Zhu & Hastie 2003, NeurIPS 16). It is
    W = Σ_ij α_ij (e_{y_i} − e_j) h_iᵀ as in the SVM, with α_ij the probability given to the wrong
    class j, over nλ. Newton's method on ½‖W‖² + CE/λ, whose gradient bounds the distance to the
    minimiser: it ends at 1e-9 of ‖W‖ or, for inseparable features at tiny λ, at its rounding.

    Args:
        features: (n, d), any floating dtype; the work is done in float64 on the CPU.
        labels: (n,) integers in 0 … k−1, each of which occurs, k ≥ 2.
        decay: λ > 0. Down to 1e-8 and below for features of about unit norm.
        start: (k, d) to start from, such as the minimiser at a larger decay; zero if not given.

    Returns:
        (k, d) float64 on the CPU, rows sum to zero.

    Raises:
        ValueError: naming the argument: wrong shape, dtype or length, NaN or infinity, a class
            without a sample, one class only, or a decay that isn't positive.
        ArithmeticError: if the decay is so small that the minimiser can't be found, as 1e-100.
    """
    num_classes = check_samples(features, labels)
    check_positive(decay=decay)
    pairs = Pairs.of(features, labels, num_classes)
    loss = _CrossEntropy(1 / (len(features) * decay), pairs.own)
    first = _start(start, pairs.shape)
    with threadpool_limits(limits=1, user_api="blas"):  # as in hard_margin_svm
        weight, multipliers = minimise(pairs, loss, first, _ACCURACY)
    dual = pairs.weight(multipliers)
    terms = multipliers.sum(1) @ torch.linalg.vector_norm(pairs.features, dim=1)  # of W, cancelling
    reachable = max(_ACCURACY * float(weight.norm()), _ROUNDING * float(terms))
    if not float((weight - dual).norm()) <= 2 * reachable:
        raise ArithmeticError(f"decay: too small to find the minimiser, {decay:g}")
    return weight - weight.mean(0)


def angle(first: Tensor, second: Tensor) -> float:
    """The angle between two classifiers as vectors of all their entries, in radians, 0 to π.

    Accurate for tiny angles as well, where the arc cosine isn't (Kahan).

    Args:
        first: (k, d).
        second: (k, d).

    Raises:
        ValueError: naming the argument, if it is no finite matrix, is zero, or shapes differ.
    """
    for name, matrix in (("first", first), ("second", second)):
        check_matrix(name, matrix)
        if not matrix.any():
            raise ValueError(f"{name}: zero, so it has no direction")
    if first.shape != second.shape:
        raise ValueError(f"second: expected {tuple(first.shape)}, got {tuple(second.shape)}")
    a, b = (double(matrix) / double(matrix).norm() for matrix in (first, second))
    return 2 * math.atan2(float((a - b).norm()), float((a + b).norm()))


@dataclass(frozen=True, eq=False)
class _CrossEntropy:
    """Φ(m) = c Σ_i log(1 + Σ_{j≠y_i} e^{−m_ij}), which loses no digits where it is tiny."""

    factor: float  # c
    own: Tensor  # (n, k) bool

    def multipliers(self, margins: Tensor) -> Tensor:
        return self.factor * self._wrong(margins, self.own)

    def curvature(self, margins: Tensor, rows: Tensor) -> Callable[[Tensor], Tensor]:
        wrong = self._wrong(margins[rows], self.own[rows])

        def times(step: Tensor) -> Tensor:
            return self.factor * wrong * (step - (wrong * step).sum(1, keepdim=True))

        return times

    @staticmethod
    def _wrong(margins: Tensor, own: Tensor) -> Tensor:
        """Softmax probabilities of the classes that a sample isn't in, zero at its own."""
        return torch.softmax(-margins, 1).masked_fill_(own, 0)


def _start(start: Tensor | None, shape: tuple[int, int]) -> Tensor:
    if start is None:
        return torch.zeros(shape, dtype=torch.float64)
    check_matrix("start", start)
    if start.shape != shape:
        raise ValueError(f"start: expected {shape}, got {tuple(start.shape)}")
    return double(start)
