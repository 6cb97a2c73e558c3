"""The information bottleneck of jointly Gaussian X and Y, in closed form.

Chechik, Globerson, Tishby & Weiss (2005), JMLR 6: with canonical correlations ρ_i and
λ_i = 1 − ρ_i², the minimiser of I(X;T) − β I(T;Y) is T = A X + ξ, ξ ~ N(0, I), whose row i is
α_i a_iᵀ with the canonical direction a_i (a_iᵀΣ_X a_i = 1) and α_i² = (β ρ_i² − 1)/λ_i, once β
exceeds the critical β_i = 1/ρ_i². In nats, over the active i,

    I(X;T) = ½ Σ log(1 + (β ρ_i² − 1)/λ_i),    I(T;Y) = ½ Σ log(1 + (ρ_i² − 1/β)/λ_i),

which are the paper's expressions rearranged: each term starts from 0 at its β_i without a
difference of logarithms.
"""

from typing import Self, overload

import numpy as np
from numpy.typing import ArrayLike

from ncbook.ib import _residuals
from ncbook.ib._canonical import DEPENDENT, Canonical, canonical
from ncbook.ib._moments import Moments, Shrinkage, estimate
from ncbook.ib._samples import Array, Samples, paired_samples

Fitted = tuple[Canonical, tuple[float, float], Array]

_INDEFINITE = "{}: not positive definite, from row {} on"
_ASYMMETRY = 1e-8  # of a covariance, against the product of the standard deviations


class GaussianBottleneck:
    """The Gaussian bottleneck from covariances, or from samples by ``fit``.

    Where ρ_i = 1 (λ_i = 0), the critical β is 1 and information is infinite for every β > 1: a
    part of Y is a function of X, and T may keep it with any precision. From covariances, λ counts
    as 0 where rounding of their entries hides it, at about 1e-15.

    Args:
        cov_x: (dx, dx) Σ_X, symmetric and positive definite.
        cov_y: (dy, dy) Σ_Y, likewise.
        cov_xy: (dx, dy) Σ_XY.

    Attributes:
        correlations: (r,) canonical correlations ρ_i, falling, r = min(dx, dy).
        noise_shares: (r,) λ_i = 1 − ρ_i², accurate near ρ = 1 too.
        shrinkage: (s, s), the share of shrinkage that ``fit`` used of Σ_X and of Σ_Y; or None.
        mean_x: (dx,) mean that ``fit`` found, or None.

    Raises:
        ValueError: naming the argument, if shapes don't fit together, an entry is not finite, a
            covariance is not symmetric or not positive definite, or the three are not the
            covariances of any pair (a correlation would exceed 1).
    """

    def __init__(self, cov_x: ArrayLike, cov_y: ArrayLike, cov_xy: ArrayLike) -> None:
        x, y = _covariance("cov_x", cov_x), _covariance("cov_y", cov_y)
        xy = _finite("cov_xy", cov_xy)
        if xy.shape != (len(x), len(y)):
            raise ValueError(f"cov_xy: expected shape {(len(x), len(y))}, got {xy.shape}")
        copies = Moments(x.copy(order="F"), y.copy(order="F"), xy.copy(order="F"))
        complaints = _INDEFINITE.format("cov_x", "{}"), _INDEFINITE.format("cov_y", "{}")
        self._take(canonical(copies, _residuals.of_covariances(x, y, xy), complaints))

    def _take(
        self,
        found: Canonical,
        shrinkage: tuple[float, float] | None = None,
        mean_x: Array | None = None,
    ) -> None:
        self.correlations = found.correlations
        self.noise_shares = found.noise_shares
        self._directions = found.directions  # (dx, r)
        self.shrinkage = shrinkage
        self.mean_x = mean_x

    @classmethod
    def fit(cls, x: ArrayLike, y: ArrayLike, shrinkage: Shrinkage = None) -> Self:
        """From samples: covariances divided by n, in float64, and without a copy of the data.

        Where ρ² exceeds 0.99, λ is measured on the samples, in one more pass over them. Beyond the
        data this takes less memory than 4 d×d matrices, or 10 of them where all ρ² do.
        Without shrinkage and with n ≤ dx + dy, some sample ρ equal 1 whatever the data.

        Args:
            x: (n, dx) of any real dtype.
            y: (n, dy), row i belongs to row i of ``x``.
            shrinkage: None; s in [0, 1]; or "ledoit-wolf", which chooses s (Ledoit & Wolf 2004).
                The joint covariance of (x, y) becomes (1−s) times itself plus s tr(Σ_X)/dx and
                s tr(Σ_Y)/dy on its diagonal, as if isotropic noise were added to each view. So
                Σ_XY shrinks too: otherwise correlations could exceed 1.

        Raises:
            ValueError: naming the argument, if it is no matrix of finite numbers, lengths differ, a
                column is constant, n ≤ d without shrinkage, or a column is a linear combination of
                others.
        """
        source, target = paired_samples(x, y)
        model = cls.__new__(cls)
        model._take(*fitted(source, target, shrinkage))
        return model

    @property
    def critical_betas(self) -> Array:
        """(r,) β_i = 1/ρ_i², rising: where direction i switches on; inf where ρ_i = 0."""
        with np.errstate(divide="ignore"):
            return np.asarray(1 / np.square(self.correlations))

    def projection(self, beta: float) -> Array:
        """A of the optimal T = A x + ξ, ξ ~ N(0, I).

        Args:
            beta: β > 0, finite.

        Returns:
            (m, dx), a row for each of the m directions that are active at β; none below β_1.

        Raises:
            ValueError: naming ``beta``, if it is not positive and finite, or a direction without
                noise (λ = 0) is active, whose row would be infinite.
        """
        if not 0 < beta < np.inf:
            raise ValueError(f"beta: expected a positive finite number, got {beta!r}")
        excess = beta * np.square(self.correlations) - 1
        active = int((excess > 0).sum())
        if active and self.noise_shares[0] == 0:
            raise ValueError("beta: direction 0 has correlation 1, so T may grow without bound")
        gains = np.sqrt(excess[:active] / self.noise_shares[:active])  # α_i
        return np.asarray(gains[:, None] * self._directions[:, :active].T)

    @overload
    def information(self, beta: float) -> tuple[float, float]: ...
    @overload
    def information(self, beta: ArrayLike) -> tuple[Array, Array]: ...
    def information(self, beta: ArrayLike) -> tuple[float, float] | tuple[Array, Array]:
        """I(X;T) and I(T;Y) of the optimal T, in nats.

        Args:
            beta: β > 0, a number or an array (B,); may be inf.

        Returns:
            Two numbers, or two arrays (B,).

        Raises:
            ValueError: naming ``beta``, if one is not positive.
        """
        betas = np.asarray(beta, dtype=np.float64)
        if not (betas > 0).all():
            raise ValueError(f"beta: expected positive numbers, got {beta!r}")
        squares = np.square(self.correlations)
        with np.errstate(divide="ignore", invalid="ignore"):  # β = ∞, λ = 0
            complexity = self._sum_of_logs(betas[..., None] * squares - 1)
            relevance = self._sum_of_logs(squares - 1 / betas[..., None])
        if betas.ndim == 0:
            return float(complexity), float(relevance)
        return complexity, relevance

    def _sum_of_logs(self, excess: Array) -> Array:
        """½ Σ log(1 + excess_i/λ_i) over the positive excesses, (B,)."""
        ratios = np.where(excess > 0, excess / self.noise_shares, 0)  # (B, r)
        return np.asarray(np.log1p(ratios).sum(-1) / 2)

    def transform(self, x: ArrayLike, beta: float) -> Array:
        """The mean of T given each sample, (x − mean_x) Aᵀ; only after ``fit``.

        Args:
            x: (n, dx) samples.
            beta: as ``projection``.

        Returns:
            (n, m).

        Raises:
            ValueError: naming the argument, if the bottleneck was not fitted to samples, or ``x``
                is no matrix of finite numbers of dx columns.
        """
        if self.mean_x is None:
            raise ValueError("x: the mean is not known; make the bottleneck by fit")
        samples = Samples("x", x)
        if samples.dim != len(self.mean_x):
            raise ValueError(f"x: expected {len(self.mean_x)} columns, got {samples.dim}")
        return np.asarray((samples.data - self.mean_x) @ self.projection(beta).T)


def gaussian_information(noise_shares: ArrayLike) -> float:
    """I(X;Y) = −½ Σ log λ_i of jointly Gaussian X and Y, in nats; inf if a λ_i is 0.

    Args:
        noise_shares: (r,) λ_i = 1 − ρ_i² in [0, 1].

    Raises:
        ValueError: naming ``noise_shares``, if one is outside [0, 1].
    """
    shares = np.asarray(noise_shares, dtype=np.float64)
    if not ((shares >= 0) & (shares <= 1)).all():
        raise ValueError("noise_shares: expected numbers in [0, 1]")
    with np.errstate(divide="ignore"):
        return float(np.abs(np.log(shares)).sum()) / 2


def fitted(x: Samples, y: Samples, shrinkage: Shrinkage) -> Fitted:
    """The spectrum of two samples, how much each was shrunk, and the mean of the first."""
    found, ridge = estimate(x, y, shrinkage)
    residual = _residuals.of_samples(x, y, ridge)
    complaints = DEPENDENT.format(x.name, "{}"), DEPENDENT.format(y.name, "{}")
    return canonical(found, residual, complaints), (ridge.share, ridge.share), x.mean


def _finite(name: str, values: ArrayLike) -> Array:
    matrix = np.asarray(values)
    if matrix.dtype.kind not in "fiub" or matrix.ndim != 2 or matrix.size == 0:
        raise ValueError(
            f"{name}: expected a non-empty real matrix, got shape {matrix.shape}, {matrix.dtype}"
        )
    if not np.isfinite(matrix).all():
        row, column = np.argwhere(~np.isfinite(matrix))[0]
        raise ValueError(f"{name}: entry ({row}, {column}) is NaN or infinite")
    return matrix.astype(np.float64)


def _covariance(name: str, values: ArrayLike) -> Array:
    cov = _finite(name, values)
    if cov.shape[0] != cov.shape[1]:
        raise ValueError(f"{name}: expected a square matrix, got shape {cov.shape}")
    deviations = np.sqrt(np.abs(cov.diagonal()))
    lopsided = np.abs(cov - cov.T) > _ASYMMETRY * np.outer(deviations, deviations)
    if lopsided.any():
        row, column = np.argwhere(lopsided)[0]
        raise ValueError(f"{name}: not symmetric at entry ({row}, {column})")
    return np.asarray((cov + cov.T) / 2)
