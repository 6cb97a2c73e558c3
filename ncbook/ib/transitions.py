"""Phase transitions of the bottleneck: at which β a solution loses its stability, or its lead.

Split a cluster t into two copies and let their encoders differ by u(x) = δ log p(t'|x) −
δ log p(t''|x). One update of the self-consistent equations turns the part of u with mean 0 under
p(x|t) into β·E[E[u|Y]|X], expectations under p(x|t)p(y|x). The eigenvalues of that operator are
the squared canonical correlations of this joint, so the copies part as soon as β exceeds 1/ρ_max²,
its inverse squared maximal correlation. The trivial solution has p(x|t) = p(x).
"""

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize

from ncbook.ib._inputs import Array, Source, distribution, log_encoder, source
from ncbook.ib._iteration import log_sum

_RESTARTS = 32
_ROUNDS, _LEADERS = 100, 3  # of the ascent from all starts, and how many then climb to the top
_LOCAL = 1e-10  # of D(Q_X‖P_X): nearer to P_X the ratio is its limit ρ_max², within as much
_LOG_OF_ZERO = -700.0


def maximal_correlation(joint: ArrayLike) -> float:
    """ρ_max, the Hirschfeld–Gebelein–Rényi maximal correlation: 0 (independent) to 1.

    The largest correlation of any f(X) with any g(Y): the second singular value of
    p(x, y)/√(p(x)p(y)) (Witsenhausen 1975); the first is 1, of the constant functions.

    Args:
        joint: (|X|, |Y|) = p(x, y) ≥ 0, summing to 1 within 1e-9.

    Raises:
        ValueError: if ``joint`` is not that.
    """
    return _maximal_correlation(distribution("joint", joint, 2))


def _maximal_correlation(joint: Array) -> float:
    joint = joint[joint.sum(1) > 0][:, joint.sum(0) > 0]
    left, right = np.sqrt(joint.sum(1)), np.sqrt(joint.sum(0))
    centred = joint / np.outer(left, right) - np.outer(left, right)  # without the first pair
    return min(1.0, float(np.linalg.norm(centred, 2)))


def stability_threshold(joint: ArrayLike) -> float:
    """β_1 = 1/ρ_max² ≥ 1, up to which the trivial solution is locally stable; inf if independent.

    Args and errors as ``maximal_correlation``.
    """
    return _threshold(maximal_correlation(joint))


def _threshold(correlation: float) -> float:
    # What rounding leaves of a correlation of zero is no transition.
    return 1 / correlation**2 if correlation > 1e-12 else math.inf


def splitting_betas(joint: ArrayLike, encoder: ArrayLike) -> Array:
    """At which β each cluster of a solution loses its stability and splits.

    1/ρ_max² of p(x|t)p(y|x), ≥ 1. A stationary point at β with a cluster whose value is below β is
    no minimum, given a spare cluster; with one value for all x in one cluster this is
    ``stability_threshold``.

    Args:
        joint: (|X|, |Y|) = p(x, y) ≥ 0, summing to 1 within 1e-9, without zero rows.
        encoder: (|T|, |X|) = p(t|x), columns summing to 1.

    Returns:
        (|T|,); inf for a cluster that can't split: of a single x, or without weight.

    Raises:
        ValueError: naming ``joint`` or ``encoder``, if one is not as above.
    """
    problem = source(joint)
    return splitting_points(problem, log_encoder("encoder", encoder, len(problem.input)))


def splitting_points(problem: Source, logs: Array) -> Array:
    """``splitting_betas`` of log p(t|x), (|T|, |X|)."""
    log_joint = logs + np.log(problem.input)
    totals = log_sum(log_joint, -1)  # (T, 1)
    members = np.exp(log_joint - np.where(np.isfinite(totals), totals, 0.0))  # p(x|t)
    points = [
        _threshold(_maximal_correlation(p[:, None] * problem.channel)) if p.any() else math.inf
        for p in members
    ]
    return np.array(points)


def onset(joint: ArrayLike, *, seed: int = 0) -> float:
    """The smallest β beyond which something better than the trivial solution exists: 1/s*.

    s* = sup D(Q_Y‖P_Y)/D(Q_X‖P_X) over Q_X ≠ P_X, Q_Y its image under p(y|x) (Anantharam et al.
    2013, arXiv:1304.6133). Q_X → P_X gives ρ_max², so the onset is at most ``stability_threshold``;
    where it is less, the best p(x|t) jumps away from p(x). The sup is found by ascent from every
    single x and random Q_X: each round replaces Q_X by P_X exp(Σ_y p(y|x) log(Q_Y/P_Y)/s), s its
    ratio, which maximises a lower bound of D(Q_Y‖P_Y) − s D(Q_X‖P_X) that is 0 at Q_X, so that
    the ratio can't fall; L-BFGS ends it.

    Args:
        joint: (|X|, |Y|) = p(x, y) ≥ 0, summing to 1 within 1e-9.
        seed: of the random Q_X.

    Returns:
        β ≥ 1; inf if X and Y are independent. An ascent may miss the sup, never exceed it: the true
        onset isn't above the value.

    Raises:
        ValueError: if ``joint`` is not that.
    """
    checked = distribution("joint", joint, 2)
    problem = source(checked[checked.sum(1) > 0])
    threshold = _threshold(_maximal_correlation(checked))
    if math.isinf(threshold) or len(problem.input) == 1:
        return threshold
    ratio, _ = first_departure(problem, seed)
    return min(threshold, 1 / ratio) if ratio > 0 else threshold


def first_departure(problem: Source, seed: int) -> tuple[float, Array]:
    """The highest D(Q_Y‖P_Y)/D(Q_X‖P_X) found, and its log Q_X/P_X, (X,)."""
    used = problem.output > 0
    problem = Source(problem.input, problem.channel[:, used], problem.output[used])
    tilts = _starting_tilts(problem, np.random.default_rng(seed))  # (S, X)
    for _ in range(_ROUNDS):
        ratios, tilts = _ascended(problem, tilts)
    leaders = tilts[np.argsort(-ratios)[:_LEADERS]]
    return max((_climbed(problem, tilt) for tilt in leaders), key=lambda found: found[0])


def _starting_tilts(problem: Source, generator: np.random.Generator) -> Array:
    size = len(problem.input)
    points = np.where(np.eye(size, dtype=np.bool_), 0.0, _LOG_OF_ZERO)
    shares = generator.dirichlet(np.full(size, 0.5), _RESTARTS)
    random = np.log(np.maximum(shares, math.exp(_LOG_OF_ZERO)))
    return np.concatenate([points, random]) - np.log(problem.input)


def _ascended(problem: Source, tilts: Array) -> tuple[Array, Array]:
    """D(Q_Y‖P_Y)/D(Q_X‖P_X) of each log Q_X/P_X, (S, X), and what to replace these by."""
    tilts = _normalised(problem, tilts)
    tilts_out = _image(problem, tilts)
    inner, outer = _divergence(tilts, problem.input), _divergence(tilts_out, problem.output)
    ratios = np.divide(outer, inner, out=np.zeros_like(inner), where=inner > _LOCAL)
    pull = tilts_out @ problem.channel.T
    return ratios, np.divide(pull, ratios[:, None], out=tilts, where=ratios[:, None] > 0)


def _climbed(problem: Source, start: Array) -> tuple[float, Array]:
    """The ratio and tilt at the top, by L-BFGS: near-by tops make the rounds of ascent slow."""

    def falling(flat: Array) -> tuple[float, Array]:
        tilts = _normalised(problem, flat)
        tilts_out = _image(problem, tilts)
        inner, outer = _divergence(tilts, problem.input), _divergence(tilts_out, problem.output)
        if inner <= _LOCAL:
            return 0.0, np.zeros_like(flat)
        slope = (problem.channel @ tilts_out - outer / inner * tilts) / inner
        mass = np.exp(tilts + np.log(problem.input))
        return float(-outer / inner), mass * (mass @ slope - slope)

    options = {"maxiter": 1000, "ftol": 1e-15, "gtol": 1e-12}
    found = minimize(falling, start, jac=True, method="L-BFGS-B", options=options)
    return -float(found.fun), _normalised(problem, found.x)


def _normalised(problem: Source, tilts: Array) -> Array:
    tilts = tilts - log_sum(tilts + np.log(problem.input), -1)
    return np.maximum(tilts, _LOG_OF_ZERO)


def _image(problem: Source, tilts: Array) -> Array:
    """log Q_Y/P_Y of log Q_X/P_X, (…, X), by differences from P where Q is near it."""
    moved = _moved(tilts, problem.input) @ problem.channel  # Q_Y - P_Y
    near = abs(moved) < problem.output / 2
    relative = np.divide(moved, problem.output, out=np.zeros_like(moved), where=near)
    mass = np.exp(tilts + np.log(problem.input)) @ problem.channel
    far = np.log(np.maximum(mass, math.exp(_LOG_OF_ZERO))) - np.log(problem.output)
    return np.where(near, np.log1p(relative), far)


def _moved(tilts: Array, reference: Array) -> Array:
    """Q − P of log Q/P."""
    mass = np.exp(tilts + np.log(reference))
    near: Array = reference * np.expm1(np.clip(tilts, -1, 1))
    return np.where(abs(tilts) < 1, near, mass - reference)


def _divergence(tilts: Array, reference: Array) -> Array:
    """D(Q‖P) of log Q/P, as Σ Q log(Q/P) − (Q − P), whose terms are not negative."""
    mass = np.exp(tilts + np.log(reference))
    divergence: Array = (mass * tilts - _moved(tilts, reference)).sum(-1)
    return divergence
