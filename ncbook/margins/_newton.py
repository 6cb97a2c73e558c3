"""Newton's method for a classifier: minimise ½‖W‖² + Φ(m), m the margins, Φ convex and falling.

With multipliers α = −Φ'(m) ≥ 0 the gradient is W − Σ_ij α_ij (e_{y_i} − e_j) h_iᵀ. The objective is
1-strongly convex, so ‖gradient‖ bounds the distance to the minimiser. Systems are solved by
conjugate gradients on the samples that have curvature; steps end where the slope along them
vanishes, which needs no values of the objective and so isn't stopped by their rounding.
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.sparse.linalg import LinearOperator, cg
from torch import Tensor

from ncbook.margins._pairs import Pairs

_MOST_STEPS = 100
_MOST_PRODUCTS = 1000  # of the Hessian with a vector, in a step
_LOOSEST = 0.03  # residual of a Newton system, relative to the gradient
_FLAT_ENOUGH = 0.5  # share of its slope that a full step may leave
_STEP_PRECISION, _SHORTEST = 0.01, 1e-12
_NEGLIGIBLE = 1e-14  # move of W, relative, that is rounding


class Loss(Protocol):
    """Φ, by its derivatives with respect to m (n, k), which are zero in entries with j = y_i."""

    def multipliers(self, margins: Tensor) -> Tensor:
        """−Φ'(m) ≥ 0 (n, k)."""
        ...

    def curvature(self, margins: Tensor, rows: Tensor) -> Callable[[Tensor], Tensor]:
        """Δm ↦ Φ''(m)·Δm for the samples ``rows``, both (len(rows), k)."""
        ...


def minimise(pairs: Pairs, loss: Loss, start: Tensor, tolerance: float) -> tuple[Tensor, Tensor]:
    """The minimiser (k, d) and its multipliers (n, k).

    Args:
        pairs: the samples.
        loss: Φ.
        start: (k, d).
        tolerance: most norm of the gradient, relative to that of W; at least one step is made.
            Missed where rounding or the limit on steps comes before: the caller judges the result.
    """
    weight, margins = start, pairs.margins(start)
    for step in range(_MOST_STEPS):
        multipliers = loss.multipliers(margins)
        gradient = weight - pairs.weight(multipliers)
        accuracy = float(gradient.norm() / weight.norm().clamp(min=torch.finfo().tiny))
        if step > 0 and accuracy <= tolerance:
            break
        hessian = _hessian(pairs, loss, margins, multipliers)
        downhill = _solved(hessian, -gradient, max(min(_LOOSEST, accuracy), tolerance))
        along = pairs.margins(downhill)
        length = _length(weight, downhill, margins, along, loss)
        weight = weight + length * downhill
        margins = margins + length * along
        if length * float(downhill.norm()) <= _NEGLIGIBLE * float(weight.norm()):
            break
    return weight, loss.multipliers(margins)


def _hessian(
    pairs: Pairs, loss: Loss, margins: Tensor, multipliers: Tensor
) -> Callable[[Tensor], Tensor]:
    rows = (multipliers > 0).any(1).nonzero().squeeze(1)
    curved, curvature = pairs.part(rows), loss.curvature(margins, rows)
    return lambda step: step + curved.weight(curvature(curved.margins(step)))


def _solved(hessian: Callable[[Tensor], Tensor], right: Tensor, residual: float) -> Tensor:
    def times(flat: NDArray[np.float64]) -> NDArray[np.float64]:
        return hessian(torch.from_numpy(flat).view_as(right)).flatten().numpy()

    operator = LinearOperator((right.numel(), right.numel()), times, dtype=np.float64)
    found, _ = cg(operator, right.flatten().numpy(), rtol=residual, maxiter=_MOST_PRODUCTS)
    return torch.from_numpy(found).view_as(right)


def _length(weight: Tensor, downhill: Tensor, margins: Tensor, along: Tensor, loss: Loss) -> float:
    """1 if that is good enough, else where the slope vanishes; 0 if it is no descent any more."""
    linear, quadratic = float((weight * downhill).sum()), float(downhill.square().sum())

    def slope(length: float) -> float:
        push = (loss.multipliers(margins + length * along) * along).sum()
        return linear + length * quadratic - float(push)

    at_start = slope(0)
    if not at_start < 0:
        return 0.0
    if abs(slope(1)) <= -_FLAT_ENOUGH * at_start:
        return 1.0
    longest = 1.0
    while slope(longest) < 0:
        longest *= 2
    root = brentq(slope, 0, longest, xtol=_SHORTEST, rtol=_STEP_PRECISION)
    return float(root)
