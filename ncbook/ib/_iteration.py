"""The self-consistent equations of the bottleneck, iterated for many encoders at once, in logs.

A batch holds encoders log p(t|x), (B, T, X), each with a β of its own. Logs keep clusters alive
whose probability is far below the smallest float: they may grow again.

Every update lowers L = I(X;T) − β I(T;Y). With p(t) and p(y|t) of the old encoder, the new one
minimises F = Σ p(x)p(t|x) [log p(t|x)/p(t) − β Σ_y p(y|x) log p(y|t)], and the minimum, ``merit``
= −Σ p(x) log Z(x, β), lies between L + βH(Y) of the old encoder and of the new one. So the merit
falls too, and it costs nothing: it decides whether an extrapolated step is taken. At β = inf, where
x joins the cluster nearest to it, the merit is H(Y|T) in the place of F.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ncbook.ib._inputs import Array, Source

_LOG_OF_ZERO = -1e300  # for p(y|t) = 0: times p(y|x) = 0 it vanishes, else it rules t out
_NEVER = -1e100  # log-probabilities below it are those of zero, and can't grow again
_FURTHEST = 1e4  # factor by which a step is extrapolated
_LEAP = 5.0  # by which log p(t|x) is extrapolated at most
_TIE = 1e-12  # of Σ p(y|x) log p(y|t), in nats: closer clusters are equally near to x


class Update(NamedTuple):
    """What one update gives: the new encoders, and p(t) and merit of the old ones."""

    log_encoders: Array  # (B, T, X)
    log_weights: Array  # (B, T)
    merit: Array  # (B,)


@dataclass(frozen=True, eq=False)
class Converged:
    """Encoders at rest, the rounds that each took, and the residual at which it stopped."""

    log_encoders: Array  # (B, T, X)
    iterations: NDArray[np.int64]  # (B,)
    residuals: Array  # (B,)


def log_sum(logs: Array, axis: int) -> Array:
    """log Σ exp along an axis, kept; −inf where all terms are."""
    top = logs.max(axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        total: Array = np.log(np.exp(logs - top).sum(axis, keepdims=True)) + top
    return total


def normalised(logs: Array) -> Array:
    """Encoders proportional to exp(logs): columns, over t, sum to 1."""
    encoders: Array = logs - log_sum(logs, -2)
    return encoders


def marginals(source: Source, log_encoders: Array) -> tuple[Array, Array]:
    """log p(t), (B, T), and p(y|t), (B, T, Y); a cluster without any weight has p(y|t) = p(y)."""
    log_joint = log_encoders + np.log(source.input)  # (B, T, X)
    log_weights = log_sum(log_joint, -1)  # (B, T, 1)
    in_use = np.isfinite(log_weights)
    members = np.exp(log_joint - np.where(in_use, log_weights, 0.0))  # p(x|t)
    decoders = np.where(in_use, members @ source.channel, source.output)
    return log_weights[..., 0], decoders


def affinities(source: Source, decoders: Array) -> Array:
    """Σ_y p(y|x) log p(y|t) = −D(p(y|x)‖p(y|t)) − H(Y|x), (B, T, X)."""
    logs = np.full_like(decoders, _LOG_OF_ZERO)
    np.log(decoders, out=logs, where=decoders > 0)
    affinity: Array = logs @ source.channel.T
    return affinity


def update(source: Source, log_encoders: Array, betas: Array) -> Update:
    """p(t|x) ∝ p(t) exp(−β D(p(y|x)‖p(y|t))) (Tishby, Pereira & Bialek 1999, equation 28)."""
    log_weights, decoders = marginals(source, log_encoders)
    affinity = affinities(source, decoders)
    affinity[log_weights < _NEVER] = -np.inf  # an empty cluster attracts nothing
    nearest = affinity.max(-2, keepdims=True)  # (B, 1, X)
    hard = np.isinf(betas)
    scale = np.where(hard, 1.0, betas)[:, None, None]
    with np.errstate(over="ignore"):
        logits = log_weights[..., None] + scale * (affinity - nearest)
    logits[logits < _NEVER] = -np.inf
    logits[hard] = _nearest_cluster(affinity[hard], log_weights[hard])
    log_partition = log_sum(logits, -2)  # (B, 1, X), 0 of hard clusters
    merit = -(log_partition + scale * nearest)[:, 0] @ source.input
    return Update(logits - log_partition, log_weights, merit)


def _nearest_cluster(affinity: Array, log_weights: Array) -> Array:
    """log p(t|x) of hard clusters, β = inf: of clusters equally near, x joins the largest."""
    tied = affinity >= affinity.max(-2, keepdims=True) - _TIE
    chosen = np.where(tied, log_weights[..., None], -np.inf).argmax(-2)  # (B, X)
    encoders = np.full_like(affinity, -np.inf)
    np.put_along_axis(encoders, chosen[:, None], 0.0, -2)
    return encoders


def converge(
    source: Source, log_encoders: Array, betas: Array, tolerance: float, max_iterations: int
) -> Converged:
    """Iterate each encoder until its residual is within the tolerance, all still moving at once."""
    encoders = log_encoders.copy()
    iterations = np.zeros(len(encoders), dtype=np.int64)
    residuals = np.full(len(encoders), np.inf)
    moving = np.arange(len(encoders))
    for _ in range(max_iterations):
        encoders[moving], residuals[moving] = _round(
            source, encoders[moving], betas[moving], tolerance
        )
        iterations[moving] += 1
        moving = moving[residuals[moving] > tolerance]
        if moving.size == 0:
            break
    return Converged(encoders, iterations, residuals)


def _round(source: Source, start: Array, betas: Array, tolerance: float) -> tuple[Array, Array]:
    """Two updates and a third from the point they extrapolate to, where that lowers the merit.

    The residual is the largest change of p(t|x) in the second update, or of log p(t) in the first
    if a cluster grew by more: a small cluster that grows is not at rest, however small.
    """
    first = update(source, start, betas)
    second = update(source, first.log_encoders, betas)
    change = np.exp(second.log_encoders) - np.exp(first.log_encoders)
    residuals = np.maximum(abs(change).max((-2, -1)), _growth(first, second))
    guess = _extrapolated(source, start, first.log_encoders, second.log_encoders)
    third = update(source, guess, betas)
    taken = (third.merit <= second.merit) & (residuals > tolerance)
    encoders = np.where(taken[:, None, None], third.log_encoders, second.log_encoders)
    return encoders, residuals


def _growth(first: Update, second: Update) -> Array:
    in_use = np.isfinite(second.log_weights)
    growth = np.subtract(
        second.log_weights, first.log_weights, out=np.zeros_like(first.log_weights), where=in_use
    )
    largest: Array = growth.max(-1)
    return largest


def _extrapolated(source: Source, start: Array, first: Array, second: Array) -> Array:
    """The SQUAREM step S3 of Varadhan & Roland (2008), in the metric of p(t, x)."""
    with np.errstate(invalid="ignore"):
        step = first - start
        bend = (second - first) - step
    usable = np.isfinite(step) & np.isfinite(bend)
    step, bend = np.where(usable, step, 0.0), np.where(usable, bend, 0.0)
    metric = np.exp(first) * source.input
    lengths = np.sqrt([(metric * part**2).sum((-2, -1)) for part in (step, bend)])
    ratio = np.divide(lengths[0], lengths[1], out=np.ones(len(start)), where=lengths[1] > 0)
    factor = np.clip(ratio, 1.0, _FURTHEST)[:, None, None]  # 1: no extrapolation
    leap = 2 * (factor - 1) * step + (factor**2 - 1) * bend
    # The metric doesn't see what small clusters do, so that a leap of theirs could end anywhere.
    return normalised(second + np.clip(leap, -_LEAP, _LEAP))
