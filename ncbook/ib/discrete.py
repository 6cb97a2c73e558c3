"""The discrete information bottleneck at one β: Blahut–Arimoto on the self-consistent equations.

T compresses X, keeping what X says about Y: p(t|x) minimises L = I(X;T) − β I(T;Y), in nats. At a
stationary point p(t|x) ∝ p(t) exp(−β D(p(y|x)‖p(y|t))), where p(t) and p(y|t) follow from p(t|x)
(Tishby, Pereira & Bialek 1999, arXiv:physics/0004057). L isn't convex: an iteration finds a local
minimum, ``ncbook.ib.information_curve`` searches for the best.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import rel_entr

from ncbook.ib._inputs import Array, Source, cluster_count, log_encoder, source, trade_off
from ncbook.ib._iteration import converge, marginals, normalised

_ROUNDING = 1e-15  # nats


@dataclass(frozen=True, eq=False)
class DiscreteBottleneck:
    """A stationary point of L = I(X;T) − β I(T;Y).

    Attributes:
        beta: β in (0, inf]; inf is the limit of hard clusters.
        encoder: (|T|, |X|) = p(t|x); columns sum to 1.
        decoder: (|T|, |Y|) = p(y|t); p(y) for a cluster without any weight.
        weights: (|T|,) = p(t).
        complexity: I(X;T), nats.
        relevance: I(T;Y), nats.
        objective: complexity − β·relevance; at β = inf the limit, −inf unless relevance is 0.
        iterations: rounds taken.
        residual: how far from rest the last round found it: the largest change of p(t|x) in an
            update, or the largest growth of log p(t) if that was more. Above the tolerance if the
            rounds ran out.
    """

    beta: float
    encoder: Array
    decoder: Array
    weights: Array
    complexity: float
    relevance: float
    objective: float
    iterations: int
    residual: float


def blahut_arimoto(
    joint: ArrayLike,
    beta: float,
    *,
    num_clusters: int | None = None,
    start: ArrayLike | None = None,
    seed: int = 0,
    tolerance: float = 1e-10,
    max_iterations: int = 10_000,
) -> DiscreteBottleneck:
    """Iterate the self-consistent equations from one start to a stationary point of L.

    A round is two updates and, where it lowers L, a third from the point that they extrapolate to
    (SQUAREM, Varadhan & Roland 2008). L never rises. At β = inf each x joins the cluster
    nearest in D(p(y|x)‖p(y|t)).

    Args:
        joint: (|X|, |Y|) = p(x, y) ≥ 0, summing to 1 within 1e-9, without zero rows.
        beta: β in (0, inf].
        num_clusters: |T| ≥ 1, by default |X|; given ``start``, its own number.
        start: (|T|, |X|) = p(t|x) to start from. A zero in it may stay zero.
        seed: of the random start where none is given: columns uniform on the simplex.
        tolerance: of the residual.
        max_iterations: rounds at most; 0 measures the start as it is.

    Raises:
        ValueError: naming the argument, if one is not as above, or if ``num_clusters`` contradicts
            ``start``.
    """
    problem, beta = source(joint), trade_off(beta)
    size = len(problem.input)
    if start is None:
        logs = random_encoders(np.random.default_rng(seed), cluster_count(num_clusters, size), size)
    else:
        logs = given_encoder(start, num_clusters, size)
    found = converge(problem, logs[None], np.array([beta]), tolerance, max_iterations)
    encoder, iterations = found.log_encoders[0], int(found.iterations[0])
    return solution(problem, encoder, beta, iterations, float(found.residuals[0]))


def random_encoders(generator: np.random.Generator, *shape: int) -> Array:
    """log p(t|x) of shape (…, |T|, |X|), every column uniform on the simplex."""
    return normalised(np.log(generator.exponential(size=shape)))


def given_encoder(start: ArrayLike, num_clusters: int | None, num_inputs: int) -> Array:
    """log p(t|x) of a start that a caller gave, which has as many clusters as asked for.

    Raises:
        ValueError: naming ``start`` or ``num_clusters``.
    """
    logs = log_encoder("start", start, num_inputs)
    if cluster_count(num_clusters, len(logs)) != len(logs):
        raise ValueError(f"num_clusters: got {num_clusters}, but start has {len(logs)} rows")
    return logs


def information(problem: Source, log_encoders: Array) -> tuple[Array, Array]:
    """I(X;T) and I(T;Y), (B,) each, of a batch of encoders."""
    log_weights, decoders = marginals(problem, log_encoders)
    encoders = np.exp(log_encoders)
    # By logs: p(t) may underflow where p(t|x) doesn't.
    nats = np.subtract(
        log_encoders, log_weights[..., None], out=np.zeros_like(encoders), where=encoders > 0
    )
    complexity = (encoders * nats @ problem.input).sum(-1)
    relevance = (rel_entr(decoders, problem.output).sum(-1) * np.exp(log_weights)).sum(-1)
    return _settled(complexity), _settled(relevance)


def _settled(nats: Array) -> Array:
    """What rounding leaves of zero, on either side of it, is zero."""
    return np.where(nats > _ROUNDING, nats, 0.0)


def lagrangian(complexity: float, relevance: float, beta: float) -> float:
    """I(X;T) − β I(T;Y), or its limit at β = inf."""
    if relevance == 0:
        return complexity
    return complexity - beta * relevance if math.isfinite(beta) else -math.inf


def solution(
    problem: Source, logs: Array, beta: float, iterations: int, residual: float
) -> DiscreteBottleneck:
    """All that follows from one encoder log p(t|x), (|T|, |X|)."""
    log_weights, decoder = marginals(problem, logs)
    complexity, relevance = (float(nats[0]) for nats in information(problem, logs[None]))
    return DiscreteBottleneck(
        beta=beta,
        encoder=np.exp(logs),
        decoder=decoder,
        weights=np.exp(log_weights),
        complexity=complexity,
        relevance=relevance,
        objective=lagrangian(complexity, relevance, beta),
        iterations=iterations,
        residual=residual,
    )
