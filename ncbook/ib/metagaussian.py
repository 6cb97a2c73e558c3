"""The meta-Gaussian bottleneck: the Gaussian one on normal scores.

Mutual information depends on the copula alone: monotone maps of single coordinates don't change it.
If the copula of (X, Y) is Gaussian, Φ⁻¹ of the marginals makes the pair jointly Gaussian and the
Gaussian bottleneck exact (Rey & Roth 2012, NeurIPS). Ranks depend on the basis and are blind to
scale: on collapsed features they blow up the noise within classes.
"""

from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri
from scipy.stats import rankdata

from ncbook.ib._moments import Shrinkage
from ncbook.ib._samples import Array, Samples, paired_samples
from ncbook.ib.gaussian import GaussianBottleneck, fitted


def normal_scores(x: ArrayLike) -> Array:
    """Φ⁻¹(rank/(n+1)) of each column; ties share their average rank, so a constant becomes 0.

    Args:
        x: (n, d).

    Returns:
        (n, d) float64.

    Raises:
        ValueError: naming ``x``, if it is no matrix of finite numbers.
    """
    return _scores(Samples("x", x).data)


def _scores(data: NDArray[np.floating]) -> Array:
    scores = np.empty(data.shape)
    for j, column in enumerate(data.T):
        scores[:, j] = ndtri(rankdata(column) / (len(data) + 1))
    return scores


class MetaGaussianBottleneck(GaussianBottleneck):
    """The Gaussian bottleneck between the normal scores of X and those of Y.

    Made by ``fit``; made from covariances, they are those of the scores. Everything but
    ``transform`` speaks of the scores of the columns that vary.

    Attributes:
        dropped: how many constant columns of x and of y ``fit`` left out, or None.
    """

    dropped: tuple[int, int] | None = None
    _kept: NDArray[np.bool_]
    _sorted: NDArray[np.floating]  # training values of the kept columns, each in rising order

    @classmethod
    def fit(cls, x: ArrayLike, y: ArrayLike, shrinkage: Shrinkage = None) -> Self:
        """From samples; arguments and errors as ``GaussianBottleneck.fit``.

        Constant columns carry no rank: they are dropped and counted. It is an error if none is
        left.
        """
        source, target = paired_samples(x, y)
        kept_x, kept_y = _varying(source), _varying(target)
        model = cls.__new__(cls)
        scores_x, scores_y = Samples("x", _scores(kept_x)), Samples("y", _scores(kept_y))
        model._take(*fitted(scores_x, scores_y, shrinkage))
        model.dropped = int(source.constant.sum()), int(target.constant.sum())
        model._kept = ~source.constant
        model._sorted = np.sort(kept_x, axis=0)
        return model

    def transform(self, x: ArrayLike, beta: float) -> Array:
        """The mean of T given each sample; only after ``fit``.

        Each coordinate becomes the score that the marginal of the training sample gives it:
        between two training values the rank is interpolated, outside them it is that of the
        nearest. The training sample itself gets its own normal scores exactly.

        Args:
            x: (n, dx) samples, with the columns that ``fit`` dropped.
            beta: as ``projection``.

        Returns:
            (n, m).

        Raises:
            ValueError: as ``GaussianBottleneck.transform``.
        """
        if self.mean_x is None:
            raise ValueError("x: the marginals are not known; make the bottleneck by fit")
        samples = Samples("x", x)
        if samples.dim != len(self._kept):
            raise ValueError(f"x: expected {len(self._kept)} columns, got {samples.dim}")
        columns = zip(samples.data[:, self._kept].T, self._sorted.T, strict=True)
        scores = np.stack([_marginal_scores(*pair) for pair in columns], axis=1)
        return super().transform(scores, beta)


def _varying(samples: Samples) -> NDArray[np.floating]:
    if samples.constant.all():
        raise ValueError(f"{samples.name}: every column is constant")
    if not samples.constant.any():
        return samples.data
    return samples.data[:, ~samples.constant]


def _marginal_scores(values: NDArray[np.floating], training: NDArray[np.floating]) -> Array:
    """Scores of values by the sorted training column."""
    nodes, counts = np.unique(training, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2  # average ranks of the ties
    return np.asarray(ndtri(np.interp(values, nodes, ranks) / (len(training) + 1)))
