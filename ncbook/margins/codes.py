"""Spherical codes: where classes go that are too many for a simplex ETF, and how well they can."""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import linprog, minimize
from scipy.sparse import csr_array, hstack
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]
from torch import Tensor
from torch.nn.functional import normalize

from ncbook._checks import check_matrix
from ncbook.margins._inputs import check_count, double

_SHARPNESS = (4.0, 16.0, 64.0, 256.0, 1024.0)  # of the smoothed maximum, one after the other
_DESCENT = {"maxiter": 300}
_MOST_STEPS = 50
_FIRST_RADIUS = 0.01  # of the move of a coordinate
_GOOD = 0.5  # share of the promised gain after which the trust region grows
_NEGLIGIBLE = 1e-12  # gain in the largest cosine that is not worth a step


def spherical_code(num_points: int, dim: int, *, restarts: int = 10, seed: int = 0) -> Tensor:
    """Unit vectors whose least angle is as large as could be found (Tammes' problem).

    For k ≤ d + 1 the optimum is the simplex ETF, for d + 2 ≤ k ≤ 2d the largest cosine is 0; beyond
    that few optima are proven and this is a search: from random starts L-BFGS minimises
    (1/t) log Σ e^{t cos} over pairs for rising t, and the best one is polished by linear programmes
    in the tangent spaces, which converge quadratically where the closest pairs pin the code down.
    ``rankin_bound`` says how far from proven the result is.

    Args:
        num_points: k ≥ 2.
        dim: d ≥ 2.
        restarts: random starts, at least 1; large codes have many local optima.
        seed: of the starts.

    Returns:
        (k, d) float64 unit rows.

    Raises:
        ValueError: naming the argument, if it is below its least value.
    """
    check_count(2, num_points=num_points, dim=dim)
    check_count(1, restarts=restarts)
    generator = torch.Generator().manual_seed(seed)
    starts = (
        torch.randn(num_points, dim, generator=generator, dtype=torch.float64)
        for _ in range(restarts)
    )
    with threadpool_limits(limits=1, user_api="blas"):  # small matrices: threads would only wait
        codes = (_smoothed(normalize(start)) for start in starts)
        return _polished(min(codes, key=largest_cosine))


def largest_cosine(code: Tensor) -> float:
    """The largest cosine between two different rows, that of their least angle.

    Args:
        code: (k, d) rows, not zero, k ≥ 2.

    Raises:
        ValueError: naming ``code``, if it is no finite matrix, has one row or a zero row.
    """
    check_matrix("code", code)
    if len(code) < 2:
        raise ValueError("code: expected at least 2 rows, got 1")
    rows = double(code)
    if not rows.any(1).all():
        raise ValueError("code: a row is zero, so it has no direction")
    unit = normalize(rows)
    return float((unit @ unit.T).fill_diagonal_(-math.inf).max())


def rankin_bound(num_points: int, dim: int) -> float:
    """What the largest cosine of k unit vectors can't be below (Rankin 1955).

    −1/(k−1) for k ≤ d + 1, attained by the simplex ETF alone, and 0 for more points, attained up to
    k = 2d, by half of the axes and their opposites among others. For k > 2d it is 0 still, out of
    reach.

    Args:
        num_points: k ≥ 2.
        dim: d ≥ 1.

    Raises:
        ValueError: naming the argument, if it is below its least value.
    """
    check_count(2, num_points=num_points)
    check_count(1, dim=dim)
    return -1 / (num_points - 1) if num_points <= dim + 1 else 0.0


def welch_bound(num_points: int, dim: int) -> float:
    """What the largest **absolute** cosine of k unit vectors can't be below (Welch 1974).

    √((k − d)/(d(k − 1))) for k ≥ d, attained by equiangular tight frames, and 0 for fewer points.
    It is about lines: the largest signed cosine, which a classifier cares about, may be below it.

    Args:
        num_points: k ≥ 2.
        dim: d ≥ 1.

    Raises:
        ValueError: naming the argument, if it is below its least value.
    """
    check_count(2, num_points=num_points)
    check_count(1, dim=dim)
    return math.sqrt(max(0, num_points - dim) / (dim * (num_points - 1)))


def _smoothed(code: Tensor) -> Tensor:
    """The code after descents on ever sharper smoothed maxima of the cosines."""
    for sharpness in _SHARPNESS:
        code = _descended(code, sharpness)
    return code


def _descended(code: Tensor, sharpness: float) -> Tensor:
    self_pairs = torch.eye(len(code), dtype=torch.bool)

    def energy(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        rows = torch.from_numpy(flat).view_as(code)
        lengths = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
        unit = rows / lengths
        heights = (sharpness * unit @ unit.T).masked_fill_(self_pairs, -math.inf)
        value = heights.flatten().logsumexp(0)
        push = 2 * (heights - value).exp() @ unit  # (k, d) gradient in the unit rows
        push -= (push * unit).sum(1, keepdim=True) * unit
        return float(value) / sharpness, (push / lengths).flatten().numpy()

    start = code.flatten().numpy()
    found = minimize(energy, start, jac=True, method="L-BFGS-B", options=_DESCENT)
    return normalize(torch.from_numpy(found.x).view_as(code))


def _polished(code: Tensor) -> Tensor:
    """Linear programmes within a trust region that grows and shrinks with their success."""
    radius, cosine = _FIRST_RADIUS, largest_cosine(code)
    for _ in range(_MOST_STEPS):
        step, promised = _linear_step(code, cosine, radius)
        if promised <= _NEGLIGIBLE:
            break
        moved = normalize(code + step)
        gain = cosine - largest_cosine(moved)
        if gain > 0:
            code, cosine = moved, cosine - gain
        radius *= 2 if gain > _GOOD * promised else 0.25
    return code


def _linear_step(code: Tensor, cosine: float, radius: float) -> tuple[Tensor, float]:
    """Tangent moves δ that lower the largest of the linearised cosines most, and by how much.

    Least s subject to x_i·x_j + x_i·δ_j + x_j·δ_i ≤ s for close pairs, x_i·δ_i = 0, |δ| ≤ radius;
    solved in units of the radius, since tolerances of linear programmes are absolute.
    """
    k, dim = code.shape
    cosines = (code @ code.T).triu(1)
    reach = 4 * radius * math.sqrt(dim)  # by which a pair may gain on another
    close = ((cosines >= cosine - reach) & torch.ones(k, k).triu(1).bool()).nonzero()  # (p, 2)
    closeness = cosines[close[:, 0], close[:, 1]].numpy()
    moves = _rows(close, code[close.flip(1)], k)  # (p, k·d)
    level = csr_array(np.full((len(close), 1), -1.0))
    spheres = _rows(torch.arange(k).unsqueeze(1), code.unsqueeze(1), k)  # (k, k·d)
    found = linprog(
        np.append(np.zeros(k * dim), 1.0),
        A_ub=hstack([moves, level]),
        b_ub=(cosine - closeness) / radius,
        A_eq=hstack([spheres, csr_array((k, 1))]),
        b_eq=np.zeros(k),
        bounds=[(-1, 1)] * (k * dim) + [(None, None)],
        method="highs-ipm",  # on large codes several times as fast as the simplex method
    )
    step = radius * torch.from_numpy(found.x[:-1]).view(k, dim)
    return step, -radius * float(found.x[-1])


def _rows(points: Tensor, vectors: Tensor, k: int) -> csr_array:
    """A sparse matrix (p, k·d) whose rows hold ``vectors`` (p, q, d) at the ``points`` (p, q)."""
    p, q, dim = vectors.shape
    columns = points.unsqueeze(2) * dim + torch.arange(dim)  # (p, q, d)
    ends = np.arange(p + 1) * q * dim
    return csr_array((vectors.flatten().numpy(), columns.flatten().numpy(), ends), (p, k * dim))
