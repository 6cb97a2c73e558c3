"""The information curve: the best compression at every β, and the branches that lead there.

L isn't convex in the encoder, so a curve traced from one start (``anneal``) follows a branch of
stationary points that need not be the best. ``information_curve`` iterates many starts at every β
at once and lets them exchange what they found.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ncbook.ib._inputs import Array, Source, cluster_count, source, trade_offs
from ncbook.ib._iteration import converge, marginals, normalised
from ncbook.ib._search import Search, distinct, perturbed, redealt
from ncbook.ib.discrete import DiscreteBottleneck, given_encoder, information, lagrangian


@dataclass(frozen=True, eq=False)
class InformationCurve:
    """Solutions at B values of β, each (T, X) encoder with what it keeps; nats.

    ``curve[i]`` is the i-th as a ``DiscreteBottleneck``; ``len(curve)`` is B.

    Attributes:
        betas: (B,), as given.
        encoders: (B, |T|, |X|) = p(t|x).
        decoders: (B, |T|, |Y|) = p(y|t).
        weights: (B, |T|) = p(t).
        complexity: (B,) = I(X;T).
        relevance: (B,) = I(T;Y).
        objective: (B,) = complexity − β·relevance; at β = inf the limit.
        sizes: (B,) number of distinct clusters in use: with p(t|x) > 1e-6 for some x, and counted
            once where their p(y|t) are within 1e-4 in total variation.
        iterations: (B,) rounds taken.
        residuals: (B,), as ``DiscreteBottleneck.residual``.
    """

    betas: Array
    encoders: Array
    decoders: Array
    weights: Array
    complexity: Array
    relevance: Array
    objective: Array
    sizes: NDArray[np.int64]
    iterations: NDArray[np.int64]
    residuals: Array

    def __len__(self) -> int:
        return len(self.betas)

    def __getitem__(self, index: int) -> DiscreteBottleneck:
        return DiscreteBottleneck(
            beta=float(self.betas[index]),
            encoder=self.encoders[index],
            decoder=self.decoders[index],
            weights=self.weights[index],
            complexity=float(self.complexity[index]),
            relevance=float(self.relevance[index]),
            objective=float(self.objective[index]),
            iterations=int(self.iterations[index]),
            residual=float(self.residuals[index]),
        )

    def __iter__(self) -> Iterator[DiscreteBottleneck]:
        return (self[index] for index in range(len(self)))


def anneal(
    joint: ArrayLike,
    betas: ArrayLike,
    *,
    num_clusters: int | None = None,
    start: ArrayLike | None = None,
    seed: int = 0,
    tolerance: float = 1e-10,
    max_iterations: int = 10_000,
) -> InformationCurve:
    """Follow one branch of solutions through the betas in the order given (Rose 1998).

    Each β starts from the solution before, slightly perturbed, its copies of the same cluster
    dealt out anew: first to those that lose their stability first. So an unstable solution is left
    and a stable one is kept, though something better may exist: with rising betas from the trivial
    solution that comes late to every transition of the first order, and so it may with falling ones
    from ``np.eye(|X|)``.

    Args:
        joint: (|X|, |Y|) = p(x, y) ≥ 0, summing to 1 within 1e-9, without zero rows.
        betas: (B,) in (0, inf], in the order to be followed.
        num_clusters: |T| ≥ 1, by default |X|; given ``start``, its own number.
        start: (|T|, |X|) = p(t|x); by default the trivial solution, p(t|x) = 1/|T|.
        seed: of the perturbations.
        tolerance: of the residual at each β.
        max_iterations: rounds at most, at each β.

    Raises:
        ValueError: naming the argument, if one is not as above, or if ``num_clusters`` contradicts
            ``start``.
    """
    problem, order = source(joint), trade_offs(betas)
    size = len(problem.input)
    if start is None:
        logs = normalised(np.zeros((cluster_count(num_clusters, size), size)))
    else:
        logs = given_encoder(start, num_clusters, size)
    generator, found = np.random.default_rng(seed), []
    for beta in order:
        warm = perturbed(redealt(problem, logs), generator)
        rest = converge(problem, warm[None], np.array([beta]), tolerance, max_iterations)
        logs = rest.log_encoders[0]
        found.append((logs, rest.iterations[0], rest.residuals[0]))
    encoders, iterations, residuals = (np.array(column) for column in zip(*found, strict=True))
    return _curve(problem, order, encoders, iterations, residuals)


def information_curve(
    joint: ArrayLike,
    betas: ArrayLike,
    *,
    num_clusters: int | None = None,
    restarts: int = 4,
    seed: int = 0,
) -> InformationCurve:
    """The best solution found at each β.

    All betas are iterated at once: from the trivial solution, from the most relevant hard clusters
    (the identity, if there are as many clusters as x), from random encoders, and from the cluster
    that pays for itself first (see ``onset``), which makes the solution better than the trivial one
    at once past the onset. Then each β takes the solution that is best there among all, and those
    of its neighbours, as warm starts, until nothing improves: that is annealing upwards and
    downwards from every solution. In the result no solution is better at another's β than the one
    there, so that complexity and relevance don't fall as β grows and the points lie on a concave
    curve, up to 1e-9 (1 + β) nats of the Lagrangian.

    The best that was found is not certified to be the best there is. With fewer clusters than x
    the search is the harder one, like that of k-means: compare several ``seed`` or raise
    ``restarts``.

    Args:
        joint: (|X|, |Y|) = p(x, y) ≥ 0, summing to 1 within 1e-9, without zero rows.
        betas: (B,) in (0, inf], in any order.
        num_clusters: |T| ≥ 1, by default |X|.
        restarts: random starts at each β, ≥ 0.
        seed: of the random starts and perturbations.

    Raises:
        ValueError: naming the argument, if one is not as above.
    """
    problem, given = source(joint), trade_offs(betas)
    clusters = cluster_count(num_clusters, len(problem.input))
    if restarts < 0:
        raise ValueError(f"restarts: expected at least 0, got {restarts}")
    order = np.argsort(given, kind="stable")
    found = Search(problem, given[order], clusters, seed).run(restarts)
    back = np.argsort(order)
    return _curve(
        problem, given, found.log_encoders[back], found.iterations[back], found.residuals[back]
    )


def _curve(
    problem: Source,
    betas: Array,
    logs: Array,
    iterations: NDArray[np.int64],
    residuals: Array,
) -> InformationCurve:
    log_weights, decoders = marginals(problem, logs)
    complexity, relevance = information(problem, logs)
    objective = [lagrangian(*nats) for nats in zip(complexity, relevance, betas, strict=True)]
    encoders = np.exp(logs)
    sizes = [len(distinct(*clusters)) for clusters in zip(encoders, decoders, strict=True)]
    return InformationCurve(
        betas=betas,
        encoders=encoders,
        decoders=decoders,
        weights=np.exp(log_weights),
        complexity=complexity,
        relevance=relevance,
        objective=np.array(objective),
        sizes=np.array(sizes),
        iterations=iterations,
        residuals=residuals,
    )
