"""Covariances of two views in one pass over centred chunks, and their shrinkage."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.linalg.blas import dgemm, dsyrk

from ncbook.ib._samples import Array, Samples

Shrinkage = float | Literal["ledoit-wolf"] | None


@dataclass(eq=False)
class Moments:
    """Second moments of a pair of views, divided by n.

    Attributes:
        x: (dx, dx) lower triangle of Σ_X, Fortran order.
        y: (dy, dy) lower triangle of Σ_Y, likewise.
        xy: (dx, dy) Σ_XY, Fortran order.
    """

    x: Array
    y: Array
    xy: Array


@dataclass(frozen=True)
class Ridge:
    """Shrinkage as noise: each view becomes √(1−s) x + √(s tr(Σ)/d) N(0, I).

    Attributes:
        share: s.
        noise_x: s tr(Σ_X)/dx, the variance added to each coordinate of x.
        noise_y: s tr(Σ_Y)/dy.
    """

    share: float
    noise_x: float
    noise_y: float

    @property
    def gain(self) -> float:
        """√(1−s), by which the samples are multiplied."""
        return math.sqrt(1 - self.share)


def estimate(x: Samples, y: Samples, shrinkage: Shrinkage) -> tuple[Moments, Ridge]:
    """The moments, shrunk, and what the shrinkage amounts to.

    Raises:
        ValueError: naming the argument, if a column is constant, ``shrinkage`` is none of its
            values, or n ≤ d without it.
    """
    _check_shrinkage(shrinkage)
    for samples in (x, y):
        samples.require_varying()
        if not shrinkage and len(samples) <= samples.dim:
            raise ValueError(
                f"{samples.name}: {len(samples)} samples of {samples.dim} columns have no positive "
                "definite covariance: n > d is needed, or shrinkage"
            )
    found, lengths = _accumulated(x, y)
    if shrinkage == "ledoit-wolf":
        shrinkage = _ledoit_wolf(found, lengths, len(x))
    return found, _shrunk(found, shrinkage or 0.0)


def _accumulated(x: Samples, y: Samples) -> tuple[Moments, Array]:
    """Moments, and the (2, 2) second moments of the squared lengths ‖x‖², ‖y‖² of the samples."""
    cov_x, cov_y, cov_xy = (
        np.zeros(shape, order="F") for shape in ((x.dim, x.dim), (y.dim, y.dim), (x.dim, y.dim))
    )
    lengths, weight = np.zeros((2, 2)), 1 / len(x)
    for rows in x.row_slices(width=y.dim):
        a, b = x.centred(rows), y.centred(rows)
        # Transposes of C order are the Fortran order that BLAS accumulates in without a copy.
        cov_x = dsyrk(weight, a.T, beta=1, c=cov_x, lower=1, overwrite_c=1)
        cov_y = dsyrk(weight, b.T, beta=1, c=cov_y, lower=1, overwrite_c=1)
        cov_xy = dgemm(weight, a.T, b.T, beta=1, c=cov_xy, trans_b=1, overwrite_c=1)
        squares = np.stack([np.einsum("ij,ij->i", part, part) for part in (a, b)])  # (2, rows)
        lengths += weight * squares @ squares.T
    return Moments(cov_x, cov_y, cov_xy), lengths


def _shrunk(found: Moments, share: float) -> Ridge:
    """Shrink in place: (1−s) Σ + s (tr Σ/d) I, and (1−s) Σ_XY.

    Σ_XY shrinks too, so that the joint covariance stays positive semidefinite. Otherwise
    correlations exceed 1 in directions of more than average variance.
    """
    noises = []
    for cov in (found.x, found.y):
        noises.append(share * float(cov.trace()) / len(cov))
        cov *= 1 - share
        np.fill_diagonal(cov, cov.diagonal() + noises[-1])
    found.xy *= 1 - share
    return Ridge(share, *noises)


def _ledoit_wolf(found: Moments, lengths: Array, n: int) -> float:
    """s of Ledoit & Wolf (2004) for (x, y) with each view scaled to variance 1 on average.

    As scikit-learn computes it, which would copy the data three times.
    """
    dims = np.array([len(found.x), len(found.y)])
    scales = np.array([found.x.trace(), found.y.trace()]) / dims
    scales = np.outer(scales, scales)  # of the products of two moments
    cross = np.linalg.norm(found.xy) ** 2
    squares = np.array([[_squared_norm(found.x), cross], [cross, _squared_norm(found.y)]])
    size = float((squares / scales).sum())  # ‖Σ‖_F² of the joint covariance
    spread = size - float(dims.sum())  # ‖Σ − I‖_F²: its trace is dx + dy
    error = (float((lengths / scales).sum()) - size) / n
    return min(error / spread, 1.0) if error > 0 and spread > 0 else float(error > 0)


def _squared_norm(cov: Array) -> float:
    """‖Σ‖_F² from a lower triangle with zeros above."""
    return float(2 * np.linalg.norm(cov) ** 2 - np.linalg.norm(cov.diagonal()) ** 2)


def _check_shrinkage(shrinkage: Shrinkage) -> None:
    known = shrinkage is None or shrinkage == "ledoit-wolf"
    if not known and not (isinstance(shrinkage, float | int) and 0 <= shrinkage <= 1):
        raise ValueError(
            f'shrinkage: expected None, a number in [0, 1] or "ledoit-wolf", got {shrinkage!r}'
        )
