"""Canonical correlation analysis by whitening and an SVD, without an inverse, in little memory.

With Cholesky factors Σ_X = L_X L_Xᵀ and Σ_Y = L_Y L_Yᵀ, the canonical correlations ρ_i are the
singular values of W = L_X⁻¹ Σ_XY L_Y⁻ᵀ (dx, dy), and the canonical directions of X are L_X⁻ᵀ u_i
with its left singular vectors: Σ_X-orthonormal, also where a ρ repeats (Björck & Golub 1973).

The u_i are eigenvectors of W Wᵀ and ρ_i = ‖Wᵀu_i‖, a norm, so that ρ² is never a difference. That
takes 3.5 d×d matrices where a divide-and-conquer SVD takes 8. Squaring loses what is small; so
small ρ are separated by an SVD in the space of their vectors. Near ρ = 1, λ = 1 − ρ² comes from
what is left of each canonical pair, a_iᵀx − c_iᵀy with c_i the regression on y. Errors of c_i enter
λ squared.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh, qr, svd
from scipy.linalg.blas import dgemm, dsyrk, dtrsm
from scipy.linalg.lapack import dpotrf, dtfsm, dtrttf

from ncbook.ib._moments import Moments
from ncbook.ib._samples import Array

DEPENDENT = "{}: column {} is a linear combination of those before it; drop it or shrink"

_EPS = float(np.finfo(np.float64).eps)
_NEAR_ONE = 0.99  # ρ² from which on λ comes from a residual
_SMALL = 1e-4  # ρ below which squares mix vectors noticeably
_BLOCK = 64  # columns at a time

Whiten = Callable[[Array], Array]  # L_Y⁻¹ times (dy, m), which it may overwrite
# Directions a_i (dx, m), regressions c_i (dy, m) and L_Y⁻¹ -> their λ (m,) and the rotation (m, m)
# that separates them.
Residual = Callable[[Array, Array, Whiten], tuple[Array, Array]]


@dataclass(frozen=True, eq=False)
class Canonical:
    """The spectrum of a pair of views.

    Attributes:
        correlations: (r,) ρ_i, falling, r = min(dx, dy).
        noise_shares: (r,) λ_i = 1 − ρ_i².
        directions: (dx, r), column i is the canonical direction of x, of unit variance.
    """

    correlations: Array
    noise_shares: Array
    directions: Array


def canonical(found: Moments, residual: Residual, complaints: tuple[str, str]) -> Canonical:
    """Canonical correlations and left directions; ``found`` is overwritten and emptied.

    Args:
        found: lower triangles of the covariances.
        residual: how to get λ near ρ = 1.
        complaints: what to say, with the number of the column in place of {}, if a covariance is
            not positive definite.

    Raises:
        ValueError: if one is not.
    """
    factor, packed, white = _whitened(found, complaints)
    vectors, rho, factor = _left_singular(white, factor)
    near = slice(int((np.square(rho) <= _NEAR_ONE).sum()), None)
    explained = dgemm(1, white, vectors[:, near], trans_a=1)
    del white
    directions = dtrsm(1, factor, vectors, lower=1, trans_a=1, overwrite_b=1)  # (dx, r)
    del factor, vectors
    shares = (1 - rho) * (1 + rho)
    if shares[near].size:
        regression = dtfsm(1, packed, explained, uplo="L", trans="T", overwrite_b=1)  # c_i (dy, m)
        shares[near], turn = residual(directions[:, near], regression, _whitener(packed))
        directions[:, near] = directions[:, near] @ turn
        rho[near] = np.sqrt(1 - shares[near])
    order = np.lexsort((shares, -rho))  # where ρ rounds to 1, λ still decides
    return Canonical(rho[order], shares[order], directions[:, order])


def _whitened(found: Moments, complaints: tuple[str, str]) -> tuple[Array, Array, Array]:
    """L_X, the triangle of L_Y alone, which takes half the memory, and W (dx, dy)."""
    factor = cholesky(found.x, complaints[0])
    other = cholesky(found.y, complaints[1])
    white = dtrsm(1, factor, found.xy, lower=1, overwrite_b=1)
    white = dtrsm(1, other, white, side=1, lower=1, trans_a=1, overwrite_b=1)
    del found.x, found.y, found.xy
    packed, _ = dtrttf(other, uplo="L")
    return factor, packed, white


def _whitener(packed: Array) -> Whiten:
    return lambda right: np.asarray(dtfsm(1, packed, right, uplo="L", overwrite_b=1))


def cholesky(cov: Array, complaint: str) -> Array:
    """Lower Cholesky factor, in place; what is above the diagonal stays as it was.

    Raises:
        ValueError: ``complaint`` with the column, if its variance is, up to rounding, that of the
            regression on the columns before it.
    """
    variances = cov.diagonal().copy()
    factor, failed = dpotrf(cov, lower=1, clean=0, overwrite_a=1)
    pivots = np.square(factor.diagonal())
    vanished = pivots <= len(cov) * _EPS * variances
    if failed:
        vanished[failed - 1] = True
    if vanished.any():
        raise ValueError(complaint.format(int(vanished.argmax())))
    return np.asarray(factor)


def _left_singular(white: Array, factor: Array) -> tuple[Array, Array, Array]:
    """Left singular vectors (dx, r), rising singular values, and ``factor`` as it was.

    The smaller of W Wᵀ and WᵀW is decomposed. W Wᵀ fits above the diagonal of L_X.
    """
    if white.shape[0] <= white.shape[1]:
        diagonal = factor.diagonal().copy()
        factor = dsyrk(1, white, beta=0, c=factor, lower=0, overwrite_c=1)
        vectors, rho = _singular(white, factor)
        np.fill_diagonal(factor, diagonal)
        return vectors, rho, factor
    gram = dsyrk(1, white, trans=1, lower=0)
    right, rho = _singular(np.asfortranarray(white.T), gram)
    # W v_i = ρ_i u_i but for rounding, which QR removes if what is mostly rounding comes last.
    scaled = (white @ right)[:, ::-1]
    left, _ = qr(scaled, mode="economic", overwrite_a=True, check_finite=False)
    return np.asfortranarray(left[:, ::-1]), rho, factor


def _singular(white: Array, gram: Array) -> tuple[Array, Array]:
    """Left singular vectors and rising values of a wide W from the upper triangle of W Wᵀ."""
    _, vectors = eigh(gram, lower=False, overwrite_a=True, driver="evr", check_finite=False)
    rho = _row_norms(vectors, white)
    small = np.flatnonzero(rho < _SMALL)
    if small.size:
        turn, falling, _ = svd(vectors[:, small].T @ white, full_matrices=False)
        vectors[:, small], rho[small] = vectors[:, small] @ turn[:, ::-1], falling[::-1]
    rho[rho <= max(white.shape) * _EPS] = 0.0
    return vectors, rho


def _row_norms(vectors: Array, white: Array) -> Array:
    """‖Wᵀu_i‖ for each column u_i."""
    starts = range(0, vectors.shape[1], _BLOCK)
    blocks = (dgemm(1, vectors[:, start : start + _BLOCK], white, trans_a=1) for start in starts)
    return np.concatenate([np.linalg.norm(block, axis=1) for block in blocks])
