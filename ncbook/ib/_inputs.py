"""What the discrete bottleneck is given, checked: distributions, encoders, β; in float64."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

_SUM_TOLERANCE = 1e-9  # float64 sums of millions of terms stay within it, float32 ones don't


def distribution(name: str, values: ArrayLike, axes: int) -> Array:
    """A probability array with this many axes, divided by its sum, which is 1 to within 1e-9.

    Raises:
        ValueError: naming ``name``, if it has another number of axes, is empty, has a NaN, infinite
            or negative entry, or doesn't sum to 1.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != axes or array.size == 0:
        raise ValueError(f"{name}: expected {axes} non-empty axes, got shape {array.shape}")
    _refuse_entry(name, array, ~np.isfinite(array), "is not finite")
    _refuse_entry(name, array, array < 0, "is negative")
    total = array.sum()
    if abs(total - 1) > _SUM_TOLERANCE:
        raise ValueError(f"{name}: sums to {total:.12g}, not to 1 within {_SUM_TOLERANCE:g}")
    checked: Array = array / total
    return checked


def _refuse_entry(name: str, array: Array, wrong: NDArray[np.bool_], fault: str) -> None:
    if wrong.any():
        index = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise ValueError(f"{name}: entry {index if len(index) > 1 else index[0]} {fault}")


@dataclass(frozen=True, eq=False)
class Source:
    """A joint p(x, y) as the bottleneck meets it: p(x) > 0 (X,), p(y|x) (X, Y), p(y) (Y,)."""

    input: Array
    channel: Array
    output: Array


def source(joint: ArrayLike) -> Source:
    """The two sides of a joint distribution.

    Raises:
        ValueError: naming ``joint``, if it is no distribution, or if a row is zero: p(y|x) is
            undefined there, and so is the encoder.
    """
    checked = distribution("joint", joint, 2)
    weights = checked.sum(1)
    if (weights == 0).any():
        row = int(weights.argmin())
        raise ValueError(
            f"joint: row {row} has probability 0, so p(y|x) is undefined: leave it out"
        )
    return Source(weights, checked / weights[:, None], checked.sum(0))


def log_encoder(name: str, values: ArrayLike, num_inputs: int) -> Array:
    """log p(t|x) of a given encoder, (|T|, |X|), −inf where it is zero.

    Raises:
        ValueError: naming ``name``, if it is not (|T|, |X|) or a column is no distribution.
    """
    encoder = np.asarray(values, dtype=np.float64)
    if encoder.ndim != 2 or encoder.shape[0] == 0 or encoder.shape[1] != num_inputs:
        raise ValueError(f"{name}: expected shape (|T|, {num_inputs}), got {encoder.shape}")
    _refuse_entry(name, encoder, ~np.isfinite(encoder), "is not finite")
    _refuse_entry(name, encoder, encoder < 0, "is negative")
    sums = encoder.sum(0)
    faults = abs(sums - 1)
    if (faults > _SUM_TOLERANCE).any():
        column = int(faults.argmax())
        raise ValueError(
            f"{name}: column {column} sums to {sums[column]:.12g}, not to 1 within "
            f"{_SUM_TOLERANCE:g}"
        )
    with np.errstate(divide="ignore"):
        logs: Array = np.log(encoder / sums)
    return logs


def trade_off(beta: float) -> float:
    """β as a float in (0, inf].

    Raises:
        ValueError: naming ``beta``, if it is NaN or not positive.
    """
    if not beta > 0:
        raise ValueError(f"beta: expected a positive number, got {beta}")
    return float(beta)


def trade_offs(betas: ArrayLike) -> Array:
    """β as a non-empty vector (B,) in (0, inf].

    Raises:
        ValueError: naming ``betas``, if it isn't that.
    """
    array = np.atleast_1d(np.asarray(betas, dtype=np.float64))
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"betas: expected 1 non-empty axis, got shape {array.shape}")
    if not (array > 0).all():
        raise ValueError(f"betas: expected positive numbers, got {array[~(array > 0)][0]}")
    return array


def cluster_count(num_clusters: int | None, num_inputs: int) -> int:
    """|T|, by default |X|, which is as many as a minimum of the Lagrangian needs.

    Raises:
        ValueError: naming ``num_clusters``, if it is below 1.
    """
    if num_clusters is None:
        return num_inputs
    if num_clusters < 1:
        raise ValueError(f"num_clusters: expected at least 1, got {num_clusters}")
    return int(num_clusters)
