"""Are two sets of features the same up to a linear map? Regression and Procrustes."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import lstsq
from scipy.spatial import procrustes

from ncbook.ib._samples import Array, Samples


def linear_r2(
    source: ArrayLike, target: ArrayLike, source_test: ArrayLike, target_test: ArrayLike
) -> float:
    """Held-out R² of the least-squares affine map from source to target features.

    1 − Σ‖t − prediction‖²/Σ‖t − t̄‖² over the test samples, t̄ the mean of the training targets: 1 is
    a perfect map, 0 no better than the training mean, and it may be negative. Where several maps
    fit the training samples equally well, the shortest is taken. A coordinate that hardly varies
    in training may get a huge weight: leave it out if it may vary more in the test samples.

    Args:
        source: (n, p) training features.
        target: (n, q) what they are mapped to.
        source_test: (m, p).
        target_test: (m, q).

    Raises:
        ValueError: naming the argument, if it is no matrix of finite numbers, shapes don't fit
            together, or all test targets equal the training mean.
    """
    left, total = linear_errors(source, target, source_test, target_test)
    if not total.any():
        raise ValueError("target_test: all rows equal the mean of target, so R² has no meaning")
    return 1 - float(left.sum() / total.sum())


def linear_errors(
    source: ArrayLike, target: ArrayLike, source_test: ArrayLike, target_test: ArrayLike
) -> tuple[Array, Array]:
    """What `linear_r2` divides, sample by sample; arguments and errors of shape as there.

    Returns:
        ‖t − prediction‖² and ‖t − t̄‖² of each test sample, (m,) and (m,).
    """
    x, y = Samples("source", source), Samples("target", target)
    x_test, y_test = Samples("source_test", source_test), Samples("target_test", target_test)
    _check_shape(y, len(x), y.dim)
    _check_shape(x_test, len(x_test), x.dim)
    _check_shape(y_test, len(x_test), y.dim)
    everything = slice(None)
    rounding = max(x.data.shape) * float(np.finfo(np.float64).eps)  # of singular values, relative
    weights = lstsq(x.centred(everything), y.centred(everything), cond=rounding)[0]  # (p, q)
    spread = np.float64(1) * y_test.data - y.mean
    left = spread - (x_test.data - x.mean) @ weights
    return np.square(left).sum(1), np.square(spread).sum(1)


def procrustes_distance(x: ArrayLike, y: ArrayLike) -> float:
    """How far two sets of points are from being the same up to shift, scale and rotation.

    Both are centred and scaled to unit Frobenius norm; the squared residual after the best
    orthogonal map and scale is from 0 (same shape) to 1. Symmetric.

    Args:
        x: (n, p).
        y: (n, q); the narrower of the two is filled up with zeros.

    Raises:
        ValueError: naming the argument, if it is no matrix of finite numbers, all its rows are
            equal, or the lengths differ.
    """
    first, second = Samples("x", x), Samples("y", y)
    _check_shape(second, len(first), second.dim)
    for samples in (first, second):
        if samples.constant.all():
            raise ValueError(f"{samples.name}: all rows are equal")
    width = max(first.dim, second.dim)
    _, _, disparity = procrustes(_filled(first, width), _filled(second, width))
    return float(disparity)


def _filled(samples: Samples, width: int) -> Array:
    return np.pad(samples.centred(slice(None)), ((0, 0), (0, width - samples.dim)))


def _check_shape(samples: Samples, rows: int, columns: int) -> None:
    if samples.data.shape != (rows, columns):
        raise ValueError(
            f"{samples.name}: expected shape {(rows, columns)}, got {samples.data.shape}"
        )
