"""How many canonical correlations are real: a stepwise permutation test.

Winkler, Renaud, Smith & Nichols (2020), NeuroImage 220: to test direction i, the directions before
it are taken out of both views, and what remains of y is permuted against what remains of x. The
largest correlation of that is what direction i has to beat: if it isn't real, it is the largest of
noise itself. The i-th correlation of whole views, permuted, would be beaten far too often.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import solve_triangular, svd
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from ncbook.ib._canonical import DEPENDENT, cholesky
from ncbook.ib._moments import Shrinkage, estimate
from ncbook.ib._samples import Array, Samples, paired_samples

_TIE = 1e-10  # a permuted correlation this little below the observed one counts as equal


@dataclass(frozen=True, eq=False)
class CorrelationTest:
    """Canonical correlations and their permutation null.

    Attributes:
        correlations: (r,) canonical correlations, falling; as many as were tested.
        null: (permutations, r), column i holds the largest correlations between what remains of
            the views after the first i directions, permuted.
        p_values: (r,) (1 + exceedances)/(1 + permutations), made monotone: a direction is never
            more significant than the one before it.
    """

    correlations: Array
    null: Array
    p_values: Array

    def count(self, level: float = 0.05) -> int:
        """How many directions are significant; ``level`` is about the chance of one too many.

        Raises:
            ValueError: naming ``level``, if it is not between 0 and 1.
        """
        if not 0 < level < 1:
            raise ValueError(f"level: expected a number between 0 and 1, got {level!r}")
        return int((self.p_values <= level).sum())


def permutation_null(
    x: ArrayLike,
    y: ArrayLike,
    *,
    permutations: int = 100,
    directions: int | None = None,
    shrinkage: Shrinkage = None,
    seed: int = 0,
) -> CorrelationTest:
    """Test the canonical correlations of two views, one after another.

    Rows must be exchangeable under the null: independent samples.

    Args:
        x: (n, dx) samples.
        y: (n, dy), row i belongs to row i of ``x``.
        permutations: how many random ones; p-values are multiples of 1/(1 + permutations).
        directions: how many correlations to test, the largest ones; None: all min(dx, dy). The
            cost of each is that of an eigenvalue problem of its size for every permutation.
        shrinkage: as ``GaussianBottleneck.fit``.
        seed: of the permutations.

    Raises:
        ValueError: naming ``permutations`` or ``directions`` if out of range, or as
            ``GaussianBottleneck.fit``.
    """
    first, second = paired_samples(x, y)
    rank = min(first.dim, second.dim)
    tested = rank if directions is None else directions
    _check_range("permutations", permutations, None)
    _check_range("directions", tested, rank)
    generator, null = np.random.default_rng(seed), np.empty((permutations, tested))
    # Small problems: on a busy machine, threads that wait for each other took 20 times longer.
    with threadpool_limits(limits=1, user_api="blas"):
        left, correlations, right = _canonical_variates(first, second, shrinkage)
        for row in null:
            shuffled = right[generator.permutation(len(right))]
            row[:] = _largest_of_blocks(left.T @ shuffled, tested)
    exceeded = (null >= correlations[:tested] - _TIE).sum(0)
    p_values = np.maximum.accumulate((1 + exceeded) / (1 + permutations))
    return CorrelationTest(correlations[:tested], null, p_values)


def _canonical_variates(x: Samples, y: Samples, shrinkage: Shrinkage) -> tuple[Array, Array, Array]:
    """Variates (n, dx) and (n, dy) over √n, uncorrelated but for the ρ_i between columns i."""
    found, ridge = estimate(x, y, shrinkage)
    white_x = _whitened(x, found.x, ridge.gain)
    white_y = _whitened(y, found.y, ridge.gain)
    left, correlations, right = svd(white_x.T @ white_y)
    return white_x @ left, correlations, white_y @ right.T


def _whitened(samples: Samples, cov: Array, gain: float) -> Array:
    """Samples (n, d) over √n in the basis in which their shrunk covariance is the identity."""
    factor = cholesky(cov, DEPENDENT.format(samples.name, "{}"))
    rows = samples.centred(slice(None)) * (gain / math.sqrt(len(samples)))
    return np.asarray(solve_triangular(factor, rows.T, lower=True).T)


def _largest_of_blocks(cross: Array, tested: int) -> Array:
    """Largest singular values of cross[i:, i:] for i below ``tested``."""
    wide = cross if cross.shape[0] <= cross.shape[1] else cross.T
    squares = []
    for i in range(tested):
        block = wide[i:, i:]
        squares.append(np.linalg.eigvalsh(block @ block.T)[-1])
    return np.sqrt(np.maximum(squares, 0))


def _check_range(name: str, value: int, most: int | None) -> None:
    if value < 1 or (most is not None and value > most):
        limit = "" if most is None else f" and at most {most}"
        raise ValueError(f"{name}: expected at least 1{limit}, got {value!r}")
