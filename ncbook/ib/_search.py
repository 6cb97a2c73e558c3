"""The search for the best encoder at each of many betas: solutions compete and travel along β."""

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.special import rel_entr

from ncbook.ib._inputs import Array, Source
from ncbook.ib._iteration import Converged, converge, log_sum, marginals, normalised
from ncbook.ib.discrete import information, random_encoders
from ncbook.ib.transitions import first_departure, splitting_points

_NUDGE = 1e-3  # standard deviation of log p(t|x) by which a warm start is perturbed
_LEAK = math.log(1e-12)  # log p(t|x) that a zero turns into
_UNUSED = 1e-6  # a cluster that gets no more of any x counts as unused
_SAME = 1e-4  # total variation distance below which two clusters' p(y|t) count as one
_HARD_STARTS, _HARD_OFFERS = 64, 8  # hard clusterings tried, and how many go on to every β
_DIGITS = 9  # to which relevance tells them apart
_NUCLEI = 2.0 ** -np.arange(1, 25)  # largest p(t|x) of the cluster that the trivial one sheds
_SEARCH_TOLERANCE, _SEARCH_ROUNDS = 1e-7, 100
_POLISH_TOLERANCE, _POLISH_ROUNDS = 1e-10, 3_000
_GAIN = 1e-10  # nats per 1 + β: less is no improvement


class Search:
    """The best encoders so far, (B, T, X), one at each of rising betas, (B,)."""

    def __init__(self, problem: Source, betas: Array, clusters: int, seed: int) -> None:
        self.problem, self.betas, self.seed = problem, betas, seed
        self.generator = np.random.default_rng(seed)
        trivial = normalised(np.zeros((clusters, len(problem.input))))
        self.encoders = np.repeat(trivial[None], len(betas), 0)
        self.values = np.zeros(len(betas))

    def run(self, restarts: int) -> Converged:
        """Offer all starts, then exchange and polish until neither improves anything."""
        everywhere = np.arange(len(self.betas))
        for start in self._starts(restarts):
            self._offer(np.repeat(start[None], len(self.betas), 0), everywhere)
        if self.encoders.shape[1] > 1:
            self._offer(self._nucleated(), everywhere)
        self._travel()
        return self._polished()

    def _starts(self, restarts: int) -> Iterator[Array]:
        """Trivial, all x apart as far as there are clusters, and random ones, (T, X) each."""
        clusters, size = self.encoders.shape[1:]
        yield perturbed(normalised(np.zeros((clusters, size))), self.generator)
        yield from perturbed(self._apart(), self.generator)
        yield from random_encoders(self.generator, restarts, clusters, size)

    def _apart(self) -> Array:
        """The most relevant hard clusterings, log p(t|x) (S, T, X), or the identity."""
        clusters, size = self.encoders.shape[1:]
        starts = random_encoders(self.generator, _HARD_STARTS, clusters, size)
        starts[0] = np.where(agglomerated(self.problem, clusters) > 0, 0.0, -np.inf)
        found = converge(self.problem, starts, np.full(len(starts), np.inf), 0.0, _SEARCH_ROUNDS)
        _, relevance = information(self.problem, found.log_encoders)
        _, ranked = np.unique(relevance.round(_DIGITS), return_index=True)
        kept = 1 if clusters >= size else _HARD_OFFERS
        best: Array = found.log_encoders[ranked[::-1][:kept]]
        return best

    def _nucleated(self) -> Array:
        """Starts (B, T, X) better than the trivial solution at every β past the onset.

        One cluster has the p(x|t) that first pays for itself, and of several sizes the best;
        small enough it lowers L as soon as β exceeds the onset, and no iteration gives that away.
        """
        clusters = self.encoders.shape[1]
        _, tilt = first_departure(self.problem, self.seed)
        inside = tilt - tilt.max() + np.log(_NUCLEI)[:, None]  # (W, X): log p(t|x) of the cluster
        rest = np.log1p(-np.exp(inside)) - np.log(clusters - 1)
        starts = np.repeat(rest[:, None], clusters, 1)  # (W, T, X)
        starts[:, 0] = inside
        values = merit(*information(self.problem, starts), self.betas[:, None])  # (B, W)
        best: Array = starts[values.argmin(1)]
        return best

    def _offer(self, starts: Array, at: NDArray[np.int64]) -> NDArray[np.int64]:
        """Iterate starts (N, T, X) at these betas, (N,), and keep the better: where that was."""
        betas = self.betas[at]
        found = converge(self.problem, starts, betas, _SEARCH_TOLERANCE, _SEARCH_ROUNDS)
        values = merit(*information(self.problem, found.log_encoders), betas)
        better = values < self.values[at] - _GAIN
        improved: NDArray[np.int64] = at[better]
        self.encoders[improved] = found.log_encoders[better]
        self.values[improved] = values[better]
        return improved

    def _travel(self) -> None:
        """Neighbours along β exchange solutions until that improves none."""
        news = np.arange(len(self.betas))
        while news.size:
            improved = [self._adopt()]
            for step in (1, -1):
                told = news[(news + step >= 0) & (news + step < len(self.betas))]
                if told.size:
                    dealt = np.array([redealt(self.problem, self.encoders[i]) for i in told])
                    improved.append(self._offer(perturbed(dealt, self.generator), told + step))
            news = np.unique(np.concatenate(improved))

    def _adopt(self) -> NDArray[np.int64]:
        """Take over from any other β what is better here as it stands: where that was."""
        nats = information(self.problem, self.encoders)
        values = merit(*nats, self.betas[:, None])  # (B, B): of j's solution at i's β
        improved = np.flatnonzero(values.min(1) < self.values - _GAIN)
        best = values[improved].argmin(1)
        self.encoders[improved] = self.encoders[best]
        self.values[improved] = values[improved, best]
        return improved

    def _polished(self) -> Converged:
        while True:
            found = converge(
                self.problem, self.encoders, self.betas, _POLISH_TOLERANCE, _POLISH_ROUNDS
            )
            self.encoders = found.log_encoders
            self.values = merit(*information(self.problem, self.encoders), self.betas)
            if not self._adopt().size:
                return found


def merit(complexity: Array, relevance: Array, betas: Array) -> Array:
    """(I(X;T) − β I(T;Y))/(1 + β): the Lagrangian on a scale that is finite at β = inf too."""
    share = 1 / (1 + 1 / betas)  # of relevance: 1 at β = inf
    value: Array = complexity * (1 - share) - relevance * share
    return value


def perturbed(logs: Array, generator: np.random.Generator) -> Array:
    """Encoders whose log p(t|x) got noise, zeros included: enough to leave an unstable solution."""
    noisy = logs + _NUDGE * generator.standard_normal(logs.shape)
    return normalised(np.logaddexp(noisy, _LEAK))


def distinct(encoder: Array, decoder: Array) -> list[list[int]]:
    """Clusters in use, of p(t|x) (T, X) and p(y|t) (T, Y), grouped where their p(y|t) agree."""
    groups: list[list[int]] = []
    for t in np.flatnonzero(encoder.max(1) > _UNUSED):
        for group in groups:
            if abs(decoder[t] - decoder[group[0]]).sum() / 2 <= _SAME:
                group.append(int(t))
                break
        else:
            groups.append([int(t)])
    return groups


def redealt(problem: Source, logs: Array) -> Array:
    """The same solution (T, X), its spare clusters dealt out as copies of those in use.

    One each in turn, first to those that lose their stability first: a cluster can only split where
    it has a copy.
    """
    _, decoder = marginals(problem, logs)
    groups = distinct(np.exp(logs), decoder)
    merged = np.array([log_sum(logs[group], 0)[0] for group in groups])  # (G, X)
    order = np.argsort(splitting_points(problem, merged), kind="stable")
    owners = order[np.arange(len(logs)) % len(order)]
    copies = np.bincount(owners, minlength=len(order))
    return normalised(merged[owners] - np.log(copies)[owners, None])


def agglomerated(problem: Source, clusters: int) -> Array:
    """Hard clusters, (T, X) of 0 and 1: every x its own, then the least loss merged in turn.

    The agglomerative bottleneck of Slonim & Tishby (1999): joining two clusters loses I(T;Y) by
    their joint weight times the Jensen–Shannon divergence of their p(y|t).
    """
    joint = problem.input[:, None] * problem.channel
    members = np.eye(max(clusters, len(joint)), len(joint))
    losses = np.array([_losses(joint, row) for row in joint])
    np.fill_diagonal(losses, np.inf)
    for _ in range(len(joint) - clusters):
        kept, gone = np.unravel_index(losses.argmin(), losses.shape)
        members[kept] += members[gone]
        joint[kept] += joint[gone]
        losses[kept] = losses[:, kept] = _losses(joint, joint[kept])
        losses[kept, kept] = np.inf
        members, joint = np.delete(members, gone, 0), np.delete(joint, gone, 0)
        losses = np.delete(np.delete(losses, gone, 0), gone, 1)
    return members


def _losses(joint: Array, row: Array) -> Array:
    """Of I(T;Y), where the cluster p(t, y) = row, (Y,), joins each of the joint's, (G, Y)."""
    return _kept(joint) + _kept(row) - _kept(joint + row)


def _kept(joint: Array) -> Array:
    """Σ_y p(t, y) log p(y|t), (…,)."""
    kept: Array = rel_entr(joint, joint.sum(-1, keepdims=True)).sum(-1)
    return kept
