"""The hard-margin multi-class SVM, certified: where the direction of cross-entropy tends to."""

from dataclasses import dataclass

import torch
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]
from torch import Tensor

from ncbook.margins._inputs import check_positive, check_samples
from ncbook.margins._multipliers import largest_margin
from ncbook.margins._pairs import Pairs


@dataclass(frozen=True, eq=False)
class SVMSolution:
    """What ``hard_margin_svm`` found.

    Attributes:
        weight: (k, d) float64, rows sum to zero; the least margin is 1.
        margin: 1/‖W‖_F, the largest least margin of any classifier with ‖W‖_F = 1, in the units of
            the features.
        multipliers: (n, k) float64 ≥ 0, α_ij of the constraint of sample i and class j, with
            W = Σ_ij α_ij (e_{y_i} − e_j) h_iᵀ; zero in column y_i.
        support: (n,) bool, the support vectors: samples with a positive multiplier.
        gap: relative duality gap in [0, 1): ½‖W‖² is at most 1/(1 − gap) times its least value, and
            the angle between W and the exact solution at most arcsin √gap.
    """

    weight: Tensor
    margin: float
    multipliers: Tensor
    support: Tensor
    gap: float


def hard_margin_svm(features: Tensor, labels: Tensor, *, tolerance: float = 1e-6) -> SVMSolution:
    """argmin ½‖W‖² subject to (w_{y_i} − w_j)·h_i ≥ 1 for all i and j ≠ y_i, without a bias.

    Crammer & Singer 2001 (JMLR 2), hard margin: the limit of the direction of gradient descent on
    cross-entropy (Soudry et al. 2018, JMLR 19) and of its ℓ2-regularised minimiser as the decay
    vanishes (Rosset, Zhu & Hastie 2003, NeurIPS 16; see ``regularised_ce``). For a bias, append a
    constant feature; its weight then counts in the norm.

    LIBLINEAR, through scikit-learn's ``LinearSVC``, solves the same problem with a large ``C``, but
    gives neither multipliers nor a certificate, and takes many times as long for six digits where
    classes are barely separable (``benchmarks/margins.py``).

    Args:
        features: (n, d), any floating dtype; the work is done in float64 on the CPU.
        labels: (n,) integers in 0 … k−1, each of which occurs, k ≥ 2.
        tolerance: most angle in radians between the weight and the exact one, certified by ``gap``.
            With μ the margin over the longest feature, rounding allows some 1e-7/√μ; the best
            solution is returned, with the gap that it has, where that is above the tolerance.

    Raises:
        ValueError: naming the argument: wrong shape, dtype or length, NaN or infinity, a class
            without a sample, one class only, a tolerance that isn't positive; or features that
            aren't separable with a margin of 1e-9 of the longest one, naming samples that the best
            attempt gets wrong.
    """
    num_classes = check_samples(features, labels)
    check_positive(tolerance=tolerance)
    pairs = Pairs.of(features, labels, num_classes)
    longest = float(torch.linalg.vector_norm(pairs.features, dim=1).max())
    if longest == 0:
        raise ValueError("features: all are zero, so no sample can be told from another")
    # The matrices are thin: a second thread saves little, and where cores are busy they wait for
    # each other at the cost of several times the work.
    with threadpool_limits(limits=1, user_api="blas"):
        found = largest_margin(Pairs(pairs.features / longest, pairs.own), tolerance**2)
    weight = found.weight / (found.least * longest)
    multipliers = found.multipliers / (found.least * longest**2)
    support = (multipliers > 0).any(1)
    return SVMSolution(weight, 1 / float(weight.norm()), multipliers, support, found.gap)
