"""The multipliers of a hard-margin SVM once its active constraints are known: a linear system."""

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.sparse.linalg import LinearOperator, minres
from torch import Tensor

from ncbook.margins._pairs import Pairs

_MOST_PRODUCTS = 1000
_REFINEMENTS, _REDUCTION = 3, 1e-8  # solutions for what is left, and how much of it each leaves
_PRECISION = 1e-14  # of margins that are to be 1
_FACTORED_UP_TO = 6000  # constraints, whose Gram matrix takes 275 MiB
_INDEPENDENT = 1e-9  # least pivot, relative to the largest entry, of a matrix worth inverting


def on_support(pairs: Pairs, multipliers: Tensor, support: Tensor) -> tuple[Tensor, Tensor]:
    """Multipliers (n, k), zero outside ``support``, and the classifier whose margins on it are 1.

    From these multipliers on. Where the support is that of the solution, so are they; else some
    come out negative and are set to zero, or margins elsewhere are below 1: the gap shows it. By
    MINRES, since the system is singular where samples coincide, and has no solution where the
    support isn't that of any. The classifier is refined by itself: the multipliers are much larger
    and mostly cancel, so that their sum is less exact.
    """
    rows = support.any(1).nonzero().squeeze(1)
    part, active = pairs.part(rows), support[rows]  # (m, k)
    start = multipliers[rows] * active

    def spread(flat: NDArray[np.float64]) -> Tensor:
        return torch.zeros_like(start).masked_scatter_(active, torch.from_numpy(flat))

    def margins(weight: Tensor) -> NDArray[np.float64]:
        return part.margins(weight)[active].numpy()

    found, weight = start[active].numpy(), part.weight(start)
    operator = LinearOperator(
        (len(found), len(found)), lambda flat: margins(part.weight(spread(flat))), dtype=np.float64
    )
    nearly_inverse = _preconditioner(part, active)
    for _ in range(_REFINEMENTS):
        missing = 1 - margins(weight)
        if (found < 0).any() or np.abs(missing).max() <= _PRECISION:
            break
        step, _ = minres(
            operator, missing, rtol=_REDUCTION, maxiter=_MOST_PRODUCTS, M=nearly_inverse
        )
        found, weight = found + step, weight + part.weight(spread(step))
    solved = torch.zeros_like(multipliers)
    solved[rows] = spread(found).clamp_(min=0)
    return solved, weight


def _preconditioner(part: Pairs, active: Tensor) -> LinearOperator | None:
    """The inverse of the system's matrix, which leaves MINRES a few steps to do.

    None if it's singular or nearly so, which MINRES copes with better by itself, or too large.
    """
    rows, classes = active.nonzero(as_tuple=True)
    if len(rows) > _FACTORED_UP_TO:
        return None
    features = part.features[rows].numpy()  # (a, d)
    signs = part.own[rows].double()  # (a, k), e_{y_i} − e_j
    signs[torch.arange(len(rows)), classes] -= 1
    gram = features @ features.T
    gram *= signs.numpy() @ signs.numpy().T
    least = _INDEPENDENT * gram.max()
    try:
        factor, lower = cho_factor(gram, overwrite_a=True, check_finite=False)
    except LinAlgError:
        return None
    if factor.diagonal().min() ** 2 <= least:
        return None

    def solve(flat: NDArray[np.float64]) -> NDArray[np.float64]:
        solution: NDArray[np.float64] = cho_solve((factor, lower), flat, check_finite=False)
        return solution

    return LinearOperator(gram.shape, solve, dtype=np.float64)
