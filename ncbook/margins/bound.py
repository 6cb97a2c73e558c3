"""A margin bound on the error of a linear classifier in which every constant is a number."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ncbook._checks import check_labels, check_matrix
from ncbook.margins._inputs import (
    check_classifier,
    check_dim,
    check_present,
    check_range,
    double,
)

_LARGEST_MARGIN = 1.0  # r = Λ·max‖h‖, of unit directions and unit features
_SUM_TOLERANCE = 1e-6  # of priors, which may come in float32


@dataclass(frozen=True, eq=False)
class MarginBound:
    """Theorem 5.9 of Mohri, Rostamizadeh & Talwalkar, per pair of classes, and its union.

    The (k, k) tensors of terms are float64, zero on the diagonal; ``pairs`` is their sum.

    Attributes:
        gamma: (k, k) γ_ij, the margins asked for; 1 on the diagonal, which has no meaning.
        share: (k, k) P̂_i(γ_ij(x) ≤ γ), of the samples of class i.
        complexity: (k, k) 4/γ_ij times Λ·max‖h‖/√n_i = 1/√n_i.
        log_log: (k, k) √(log log₂(2r/γ_ij)/n_i), the price of choosing γ after the fact.
        confidence: (k, k) √(log(2k(k−1)/δ)/(2n_i)), δ split over the pairs.
        pairs: (k, k) bounds on P_i(γ_ij(x) ≤ 0).
        classes: (k,) their sums over j ≠ i, bounds on the error of each class.
        total: the mean of ``classes``, weighted by the priors: a bound on the error.
    """

    gamma: Tensor
    share: Tensor
    complexity: Tensor
    log_log: Tensor
    confidence: Tensor
    pairs: Tensor
    classes: Tensor
    total: float


def margin_bound(
    features: Tensor,
    labels: Tensor,
    weight: Tensor,
    gamma: float | Tensor,
    *,
    delta: float = 0.05,
    priors: Tensor | None = None,
) -> MarginBound:
    """Bound the error of argmax W h by margins on the sample that W was trained on.

    With probability at least 1 − δ over the n_i samples drawn from each class, at once for all W,
    all γ_ij ∈ (0, 1] and all classes,

        P_i(γ_ij(x) ≤ 0) ≤ P̂_i(γ_ij(x) ≤ γ_ij) + (4/γ_ij)/√n_i + √(log log₂(2/γ_ij)/n_i)
                           + √(log(2k(k−1)/δ)/(2n_i)),

    Theorem 5.9 of *Foundations of Machine Learning* (2nd ed. 2018) for each pair, with r = 1 and
    the Rademacher complexity Λ·max‖h‖/√n_i of linear functions; summed over j ≠ i. Since r, Λ and
    max‖h‖ mustn't depend on the sample, features and differences w_i − w_j are divided by their
    norms here, which changes no decision: γ_ij(x) = (w_i − w_j)·h/(‖w_i − w_j‖ ‖h‖) ∈ [−1, 1]. A
    tie counts as an error. A bias is the weight of a constant feature, fixed beforehand: append it.

    It holds if the features were not learnt from these samples. If they were, the class of
    functions is that of the whole network and the number no more than heuristic.

    Args:
        features: (n, d), no row zero; at least one sample of each class.
        labels: (n,) integers in 0 … k−1.
        weight: (k, d) of the classifier, rows distinct.
        gamma: γ ∈ (0, 1], or (k, k) of them (the diagonal is ignored); ``best_gamma`` picks them.
        delta: δ ∈ (0, 1), probability with which the bound may fail.
        priors: (k,) class probabilities; equal if not given.

    Raises:
        ValueError: naming the argument: a wrong shape, dtype or length, NaN or infinity, one class
            only, a class without a sample, a zero feature, equal rows of the weight, γ or δ out of
            range, priors that are negative or don't sum to 1.
    """
    margins = _unit_margins(features, labels, weight)
    _check_delta(delta)
    chosen, weights = _gammas(gamma, len(margins)), _priors(priors, len(margins))
    share = torch.stack([(m <= g).double().mean(0) for m, g in zip(margins, chosen, strict=True)])
    terms = (share, *_terms(chosen, _sizes(margins), delta))
    for term in terms:
        term.fill_diagonal_(0)
    pairs = torch.stack(terms).sum(0)
    classes = pairs.sum(1)
    return MarginBound(chosen, *terms, pairs, classes, float(weights @ classes))


def best_gamma(
    features: Tensor, labels: Tensor, weight: Tensor, grid: Tensor, *, delta: float = 0.05
) -> Tensor:
    """The γ_ij of a grid with the least bound, pair by pair.

    The theorem is uniform in γ, by its log log term: choosing γ on the sample costs nothing more,
    however fine the grid.

    Args:
        features: as in ``margin_bound``, and so are labels, weight and delta.
        grid: (g,) values in (0, 1].

    Returns:
        (k, k) float64; 1 on the diagonal, which has no meaning.

    Raises:
        ValueError: naming the argument, as ``margin_bound``; ``grid`` if it is empty or leaves
            (0, 1].
    """
    margins = _unit_margins(features, labels, weight)
    _check_delta(delta)
    candidates = _grid(grid)
    sizes = _sizes(margins)
    ordered = [m.T.contiguous().sort(1).values for m in margins]  # (k, n_i) each
    wanted = candidates.repeat(len(margins), 1)  # (k, g)
    counts = [torch.searchsorted(m, wanted, right=True) for m in ordered]
    shares = torch.stack(counts) / sizes.unsqueeze(2)  # (k, k, g)
    complexity, log_log, confidence = _terms(wanted, sizes, delta)  # (k, g)
    price = (complexity + log_log + confidence).unsqueeze(1)
    best = candidates[(shares + price).argmin(2)]
    return best.fill_diagonal_(1)


def _unit_margins(features: Tensor, labels: Tensor, weight: Tensor) -> list[Tensor]:
    """γ_ij(x) of the samples of each class i, (n_i, k); column i is meaningless."""
    check_classifier(weight)
    check_matrix("features", features)
    check_dim(features, weight)
    check_labels(labels, len(features))
    check_range(labels, len(weight))
    counts = labels.cpu().bincount(minlength=len(weight))
    check_present(counts)
    scores = _directions(features) @ double(weight).T  # (n, k)
    gaps = _gaps(double(weight))
    order = labels.cpu().argsort()
    parts = scores[order].split(counts.tolist())
    return [(part[:, [i]] - part) / gaps[i] for i, part in enumerate(parts)]


def _directions(features: Tensor) -> Tensor:
    rows = double(features)
    norms: Tensor = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
    if not norms.all():
        raise ValueError(f"features: row {int(norms.argmin())} is zero, so it has no direction")
    return rows / norms


def _gaps(weight: Tensor) -> Tensor:
    """‖w_i − w_j‖ (k, k), 1 on the diagonal."""
    differences = weight.unsqueeze(1) - weight  # (k, k, d)
    gaps: Tensor = torch.linalg.vector_norm(differences, dim=2).fill_diagonal_(1)
    if not gaps.all():
        i, j = (gaps == 0).nonzero()[0].tolist()
        raise ValueError(f"weight: rows {i} and {j} are equal, so they decide nothing")
    return gaps


def _sizes(margins: list[Tensor]) -> Tensor:
    """n_i (k, 1)."""
    return torch.tensor([[len(part)] for part in margins], dtype=torch.float64)


def _terms(gamma: Tensor, sizes: Tensor, delta: float) -> tuple[Tensor, Tensor, Tensor]:
    """Complexity, log log and confidence, each of the shape of ``gamma`` (k, …)."""
    k = len(sizes)
    complexity = 4 / gamma / sizes.sqrt()
    log_log = ((2 * _LARGEST_MARGIN / gamma).log2().log() / sizes).sqrt()
    confidence = (math.log(2 * k * (k - 1) / delta) / (2 * sizes)).sqrt().expand_as(gamma)
    return complexity, log_log, confidence.clone()


def _check_delta(delta: float) -> None:
    if not 0 < delta < 1:
        raise ValueError(f"delta: expected a probability in (0, 1), got {delta!r}")


def _gammas(gamma: float | Tensor, k: int) -> Tensor:
    if not isinstance(gamma, Tensor):
        gamma = torch.full((k, k), float(gamma), dtype=torch.float64)
    if gamma.shape != (k, k):
        raise ValueError(f"gamma: expected shape {(k, k)}, got {tuple(gamma.shape)}")
    chosen = double(gamma).clone().fill_diagonal_(1)
    _check_margins("gamma", chosen)
    return chosen


def _grid(grid: Tensor) -> Tensor:
    if not isinstance(grid, Tensor) or grid.ndim != 1 or len(grid) == 0:
        raise ValueError("grid: expected a non-empty 1-D tensor")
    candidates = double(grid)
    _check_margins("grid", candidates)
    return candidates


def _check_margins(name: str, values: Tensor) -> None:
    wrong = values[~((values > 0) & (values <= _LARGEST_MARGIN))]
    if len(wrong):
        raise ValueError(
            f"{name}: expected values in (0, 1], margins being those of unit vectors, "
            f"got {float(wrong[0])}"
        )


def _priors(priors: Tensor | None, k: int) -> Tensor:
    if priors is None:
        return torch.full((k,), 1 / k, dtype=torch.float64)
    if not isinstance(priors, Tensor) or priors.shape != (k,):
        raise ValueError(f"priors: expected a tensor of shape {(k,)}")
    weights = double(priors)
    if not (weights >= 0).all() or not abs(float(weights.sum()) - 1) <= _SUM_TOLERANCE:
        raise ValueError("priors: expected non-negative numbers that sum to 1")
    return weights / weights.sum()
