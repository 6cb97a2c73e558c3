"""λ = 1 − ρ² near ρ = 1: the variance of what is left of a_iᵀx after its regression on y.

It is never a difference of ρ² from 1. With samples at hand the residuals themselves are taken, and
their λ are good down to about (1e-16)². Covariances alone know λ to rounding of their entries.
"""

import math

import numpy as np
from scipy.linalg import eigh, svd
from scipy.linalg.blas import dgemm, dsyrk

from ncbook.ib._canonical import Residual, Whiten
from ncbook.ib._moments import Ridge
from ncbook.ib._samples import Array, Samples

_EPS = float(np.finfo(np.float64).eps)


def of_samples(x: Samples, y: Samples, ridge: Ridge) -> Residual:
    """λ from the residuals of the samples, shrinkage included, in one pass over them."""

    def residual(directions: Array, regression: Array, whiten: Whiten) -> tuple[Array, Array]:
        rest, missed = _left_over(x, y, ridge, directions, regression)
        # c_i bears the rounding of the covariances. With the exact one the variance is less by:
        excess = whiten(missed)
        rest = dsyrk(-1, excess, beta=1, c=rest, trans=1, lower=1, overwrite_c=1)
        del missed, excess
        sines, turn = _graded_sines(rest)
        reach = x.extent @ np.abs(directions @ turn) + y.extent @ np.abs(regression @ turn)
        sines[sines <= _EPS * reach] = 0.0  # the rounding of the samples themselves
        return np.square(sines), turn

    return residual


def _left_over(
    x: Samples, y: Samples, ridge: Ridge, directions: Array, regression: Array
) -> tuple[Array, Array]:
    """Lower triangle of the covariance of the residuals a_iᵀx − c_iᵀy, and Cov(y, residuals)."""
    rest = dsyrk(ridge.noise_x, directions, trans=1, lower=1)
    rest = dsyrk(ridge.noise_y, regression, beta=1, c=rest, trans=1, lower=1, overwrite_c=1)
    missed = np.asfortranarray(-ridge.noise_y * regression)
    for rows in x.row_slices(width=y.dim):
        chunk = y.centred(rows)
        left = ridge.gain * (x.centred(rows) @ directions - chunk @ regression)  # (rows, m)
        weight = 1 / len(x)
        rest = dsyrk(weight, left.T, beta=1, c=rest, lower=1, overwrite_c=1)
        weight *= ridge.gain
        missed = dgemm(weight, chunk.T, left.T, beta=1, c=missed, trans_b=1, overwrite_c=1)
    return rest, missed


def _graded_sines(rest: Array) -> tuple[Array, Array]:
    """Roots of the eigenvalues of a covariance (m, m), and eigenvectors, also of the tiny ones.

    An eigen-solver's errors are relative to the largest eigenvalue, those of an SVD to its root.
    The square root to take the SVD of comes from the correlations, in which no scale is small.

    Args:
        rest: lower triangle, overwritten.
    """
    scale = np.sqrt(np.maximum(rest.diagonal(), 0))
    safe = np.where(scale > 0, scale, 1)
    rest /= safe
    rest /= safe[:, None]
    values, root = eigh(rest, lower=True, overwrite_a=True, driver="evr", check_finite=False)
    root *= np.sqrt(np.maximum(values, 0))
    root *= scale[:, None]
    turn, sines, _ = svd(root, overwrite_a=True, check_finite=False)  # of the root, transposed
    return sines, turn


def of_covariances(cov_x: Array, cov_y: Array, cov_xy: Array) -> Residual:
    """λ as the residual's variance aᵀΣ_X a − 2 aᵀΣ_XY c + cᵀΣ_Y c; 0 where rounding hides it.

    The residual function raises ValueError if a variance is negative by more than rounding.
    """

    def residual(directions: Array, regression: Array, _: Whiten) -> tuple[Array, Array]:
        left = cov_x @ directions - cov_xy @ regression  # covariance of x with the residual
        missed = cov_xy.T @ directions - cov_y @ regression  # that of y
        rest = directions.T @ left - regression.T @ missed  # (m, m)
        shares, turn = eigh((rest + rest.T) / 2)
        # An entry is uncertain by rounding of the product of its two standard deviations.
        reach = np.sqrt(cov_x.diagonal()) @ np.abs(directions @ turn)
        reach += np.sqrt(cov_y.diagonal()) @ np.abs(regression @ turn)
        rounding = math.sqrt(sum(cov_xy.shape)) * _EPS * np.square(reach)
        if (shares < -rounding).any():
            worst = 1 - float(shares.min())
            raise ValueError(f"cov_xy: squared canonical correlation {worst:.12g} exceeds 1")
        return np.where(shares <= rounding, 0.0, shares), turn

    return residual
