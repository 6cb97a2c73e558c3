"""The method of multipliers for the largest margin, with certificates of what it finds.

Violations of m_ij ≥ 1 are charged quadratically and become multipliers (Rockafellar 1976), round
by round at a rising price, until the active constraints are known; a linear system on those gives
the digits that are left. A round is a few Newton steps, in which only violated constraints matter.

Multipliers α ≥ 0, W_α = Σ_ij α_ij (e_{y_i} − e_j) h_iᵀ, are certificates. Every V with margins of
at least 1 has ⟨W_α, V⟩ ≥ Σα, so that ‖V‖ ≥ Σα/‖W_α‖: no unit-norm classifier has a margin over
‖W_α‖/Σα. For a separating W and any α, r = min m_ij(W)·Σα/(‖W‖ ‖W_α‖) is its margin's share of the
largest, at least, and 1 − r² the relative duality gap. If nothing separates, ‖W_α‖/Σα of what a
round adds to the multipliers tends to zero (Gordan's theorem; Banjac et al. 2019, J. Optim. Theory
Appl. 183).
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ncbook.margins._active import on_support
from ncbook.margins._newton import minimise
from ncbook.margins._pairs import Pairs

_MOST_ROUNDS = 60
_FIRST_PRICE, _PRICE_RISE, _HIGHEST_PRICE = 10.0, 2.0, 1e13
_FIRST_ACCURACY, _LAST_ACCURACY = 0.3, 1e-5  # of a round; falls as the price rises
_ROUNDING = 1e-14  # of a round, in units of the price
_SOLVABLE_GAP, _STABLE = 0.1, 0.05  # gap and changed share of the support that promise a solution
_MOST_CORRECTIONS, _VIOLATION = 8, 1e-10
_NO_MARGIN = 1e-9  # float32 features, for one, are exact to no more than 1e-7
_NAMED = 5  # samples that an error names


@dataclass(frozen=True, eq=False)
class Candidate:
    """A classifier with multipliers that certify it: its least margin, and 1 − r², 1 if none."""

    multipliers: Tensor  # (n, k)
    weight: Tensor  # (k, d)
    least: float
    gap: float

    @classmethod
    def of(cls, pairs: Pairs, multipliers: Tensor, weight: Tensor | None = None) -> "Candidate":
        """The candidate of these multipliers and this classifier, W_α if not given."""
        dual = pairs.weight(multipliers)
        weight = dual if weight is None else weight
        least = float(pairs.least(pairs.margins(weight)).min())
        norms = float(weight.norm() * dual.norm())
        share = max(least, 0.0) * float(multipliers.sum()) / norms if norms else 0.0
        return cls(multipliers, weight, least, max(0.0, 1 - share**2))


def largest_margin(pairs: Pairs, enough: float) -> Candidate:
    """The first candidate with a gap of at most ``enough``, or the best of all rounds.

    Args:
        pairs: of features whose longest has unit norm.
        enough: the gap, the square of the sine of an angle.

    Raises:
        ValueError: naming ``features``, if they are not separable with a margin of 1e-9.
    """
    multipliers = torch.zeros(pairs.own.shape, dtype=torch.float64)
    best = Candidate.of(pairs, multipliers)
    weight, price, accuracy = best.weight, _FIRST_PRICE, _FIRST_ACCURACY
    for _ in range(_MOST_ROUNDS):
        former = multipliers
        loss = _Violations(price, former, pairs.own)
        weight, multipliers = minimise(pairs, loss, weight, accuracy)
        candidate = Candidate.of(pairs, multipliers)
        if candidate.least <= 0:
            _check_separable(pairs, weight, (multipliers - former).clamp_(min=0))
        elif candidate.gap > enough and _promising(candidate, former):
            candidate = min(candidate, _solved(pairs, candidate, enough), key=_gap)
            weight, multipliers = candidate.weight, candidate.multipliers
        best = min(best, candidate, key=_gap)
        if best.gap <= enough:
            break
        price = min(price * _PRICE_RISE, _HIGHEST_PRICE)
        accuracy = max(accuracy / _PRICE_RISE, _LAST_ACCURACY, _ROUNDING * price)
    if best.gap == 1:
        raise _inseparable(pairs, weight, "no separating classifier was found")
    return best


@dataclass(frozen=True, eq=False)
class _Violations:
    """Φ(m) = σ/2 Σ_ij (1 − m_ij + α_ij/σ)₊², at price σ and the multipliers α of the last round."""

    price: float
    former: Tensor  # (n, k)
    own: Tensor  # (n, k) bool

    def multipliers(self, margins: Tensor) -> Tensor:
        charged = torch.add(self.former, 1 - margins, alpha=self.price)
        return charged.clamp_(min=0).masked_fill_(self.own, 0)

    def curvature(self, margins: Tensor, rows: Tensor) -> Callable[[Tensor], Tensor]:
        part = _Violations(self.price, self.former[rows], self.own[rows])
        stiffness = self.price * (part.multipliers(margins[rows]) > 0)  # (m, k)
        return lambda step: stiffness * step


def _gap(candidate: Candidate) -> float:
    return candidate.gap


def _promising(candidate: Candidate, former: Tensor) -> bool:
    """Whether the support may be that of the solution: to try in vain costs as much as a round."""
    support = candidate.multipliers > 0
    changed = int((support != (former > 0)).sum())
    return candidate.gap <= _SOLVABLE_GAP and changed <= _STABLE * int(support.sum())


def _solved(pairs: Pairs, candidate: Candidate, enough: float) -> Candidate:
    """The best of the solutions on this support and on corrected ones, while each beats the last.

    To correct it, constraints with negative multipliers leave and violated ones enter.
    """
    best, former, support = candidate, 1.0, candidate.multipliers > 0
    for _ in range(_MOST_CORRECTIONS):
        found = Candidate.of(pairs, *on_support(pairs, best.multipliers, support))
        best = min(best, found, key=_gap)
        if best.gap <= enough or found.gap >= former:
            break
        former = found.gap
        violated = (pairs.margins(found.weight) < 1 - _VIOLATION) & ~pairs.own
        support = (found.multipliers > 0) | violated
    return best


def _check_separable(pairs: Pairs, weight: Tensor, increase: Tensor) -> None:
    total = float(increase.sum())
    if total > 0:
        bound = float(pairs.weight(increase).norm()) / total
        if bound <= _NO_MARGIN:
            raise _inseparable(pairs, weight, f"no margin is over {bound:.0e} of the longest one")


def _inseparable(pairs: Pairs, weight: Tensor, finding: str) -> ValueError:
    """The error that names the samples which ``weight`` is most wrong about."""
    least = pairs.least(pairs.margins(weight))
    wrong = int((least <= 0).sum())
    worst = least.argsort()[: max(1, min(wrong, _NAMED))].tolist()
    more = f" and {wrong - len(worst)} others" if wrong > len(worst) else ""
    return ValueError(
        f"features: not linearly separable: {finding}; the best attempt violates samples "
        f"{', '.join(map(str, worst))}{more}"
    )
