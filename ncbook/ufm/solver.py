"""A first-order solver of the unconstrained-features problem, full batch or any batch plan.

The spectral projected gradient method of Birgin, Martínez & Raydan (2000): Barzilai–Borwein steps
along the gradient, projected on the spheres (and the non-negative orthant), accepted by a
nonmonotone line search. It finds the zeros of the minimiser in finitely many steps, after which
what is left to do is well conditioned.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize, one_hot

from ncbook._checks import check_matrix
from ncbook.ufm.plan import Plan, plan_of

# The orthogonal frame is the minimiser at every temperature. At 1, random starts are often caught
# by another local minimum, seldom at 0.1, and hardly ever at 0.05, where descents take long.
_SEARCH_TEMPERATURE = 0.1
_COOLING = 0.8  # of the search temperature, from start to start
_MEMORY = 10  # losses that a step is compared with, so that it may climb for a while
_PATIENCE = 20  # iterations in which a start has to gain a hundredth of the tolerance
_BACKTRACKS = 20
_SUFFICIENT_DECREASE = 1e-4
_FIRST_MOVE = 0.5  # the farthest that the first step moves a feature
_LONGEST_STEP = 1e12


@dataclass(frozen=True, eq=False)
class UFMSolution:
    """What ``solve_ufm`` found.

    Attributes:
        embeddings: (n, d) float64, unit rows, in the order of the labels, on their device.
        means: (k, d) class means of the embeddings, in the order of the sorted label values.
        loss: mean of ℓ_i over the anchors of all batches, as ``supcon_loss`` normalises it.
        gap: ``loss`` less a lower bound: ≥ 0 up to rounding, and 0 proves a global minimum. It
            bounds the distance to the minimum from above, and is that distance where the lower
            bound is attained: d ≥ k, or with free signs d ≥ k − 1 and the full batch.
        history: (iterations + 1,) losses of the start that won, at ``temperature``; ``loss`` is the
            least of them, not always the last, since a step may climb.
    """

    embeddings: Tensor
    means: Tensor
    loss: float
    gap: float
    history: Tensor


def solve_ufm(
    labels: Tensor,
    dim: int,
    temperature: float = 1.0,
    nonnegative: bool = True,
    batches: Iterable[Sequence[int]] | None = None,
    seed: int = 0,
    *,
    start: Tensor | None = None,
    restarts: int = 5,
    tolerance: float = 1e-10,
    max_iterations: int = 1000,
) -> UFMSolution:
    """Minimise the supervised contrastive loss over unit features, with a certificate.

    The objective is Σ_B Σ_{i∈B} ℓ_i over the anchors of every batch, divided by their number. It
    has other local minima, so up to ``restarts`` random starts are made, until one's gap is within
    the tolerance. The first descends at ``temperature``; each later one, and the first below τ =
    0.1, descends at τ = 0.1 before, where fewer are caught (the orthogonal frame is the minimiser
    at every temperature). A sample that is in no batch with an anchor stays where it started.

    Args:
        labels: (n,) integers of any values; the computation runs on their device.
        dim: d ≥ 1. With free signs, features in one dimension are ±1 and stay where they start.
        temperature: τ > 0.
        nonnegative: whether features are entrywise ≥ 0 (UFM⁺) or of any sign.
        batches: index sequences; the full batch if left out.
        seed: of the random starts.
        start: (n, d) features, normalised before use, to descend from once at ``temperature``, in
            place of the random starts.
        restarts: most random starts; all of them are made where the bound is out of reach.
        tolerance: gap at which to stop, in nats like the loss; a descent stalls if it gains less
            than a hundredth of it in 20 iterations. The share of the loss that the angles between
            classes decide is of the order of (k − 1) e^{−1/τ}: below τ = 0.05 no tolerance that
            double precision allows says anything about them.
        max_iterations: most iterations of a descent.

    Raises:
        ValueError: naming the argument: labels of a wrong shape or dtype; ``dim``, ``restarts`` or
            ``max_iterations`` < 1; a temperature or tolerance that is not positive; a batch that is
            empty, repeats an index or holds one out of range; no anchor with a positive anywhere; a
            start of a wrong shape or dtype, with a row of zeros or, where ``nonnegative``, with a
            negative entry.
    """
    _check_limits(dim=dim, restarts=restarts, max_iterations=max_iterations)
    if not tolerance > 0:
        raise ValueError(f"tolerance: expected a positive number, got {tolerance!r}")
    plan = plan_of(labels, batches)
    search = _Search(plan, nonnegative, tolerance, max_iterations)
    search.bound(temperature)  # checks it
    if start is not None:
        _check_start(start, (len(labels), dim), nonnegative)
        return search.descend(normalize(start.detach().to(labels.device).double()), temperature)
    generator = torch.Generator().manual_seed(seed)
    found: list[UFMSolution] = []
    while len(found) < restarts and not (found and found[-1].gap <= tolerance):
        point = _random_start(len(labels), dim, nonnegative, generator).to(labels.device)
        if found or temperature < _SEARCH_TEMPERATURE:
            colder = _SEARCH_TEMPERATURE * _COOLING ** max(0, len(found) - 1)
            point = search.descend(point, colder).embeddings
        found.append(search.descend(point, temperature))
    return min(found, key=lambda solution: solution.loss)


@dataclass(frozen=True, eq=False)
class _Search:
    """Descents on one plan, at one temperature each.

    A sample weighs as much as the number of batches it is in: the curvature along a bound sample,
    which is in all of them, would keep the steps of all others short.
    """

    plan: Plan
    nonnegative: bool
    tolerance: float
    max_iterations: int
    bounds: dict[float, float] = field(default_factory=dict)  # temperature -> lower bound

    def bound(self, temperature: float) -> float:
        if temperature not in self.bounds:
            self.bounds[temperature] = self.plan.lower_bound(temperature, self.nonnegative)
        return self.bounds[temperature]

    def descend(self, start: Tensor, temperature: float) -> UFMSolution:
        bound = self.bound(temperature)
        best = state = self._state(start, temperature)
        farthest = (state.gradient / self.plan.occurrences).norm(dim=1).max().item()
        step = _FIRST_MOVE / max(farthest, 1 / _LONGEST_STEP)
        history = [state.loss]
        while len(history) <= self.max_iterations and best.loss - bound > self.tolerance:
            ceiling = max(history[-_MEMORY:])
            moved = self._line_search(state, step, ceiling, temperature)
            if moved is None or self._stalled(history):
                break
            step = self._spectral_step(state, moved, step, long=len(history) % 2 == 0)
            state = moved
            history.append(state.loss)
            best = min(best, state, key=lambda reached: reached.loss)
        return self._solution(best, bound, history)

    def _state(self, features: Tensor, temperature: float) -> "_State":
        loss, gradient = self.plan.evaluate(features, temperature)
        return _State(features, loss, _reduced(gradient, features, self.nonnegative))

    def _line_search(
        self, state: "_State", step: float, ceiling: float, temperature: float
    ) -> "_State | None":
        """Shorten the step until it leads far enough below the ceiling; None if none does."""
        weights = self.plan.occurrences
        for _ in range(_BACKTRACKS):
            points = state.features - step * state.gradient / weights
            moved = self._state(_projected(points, self.nonnegative), temperature)
            squared = (moved.features - state.features).square().mul(weights).sum().item()
            if moved.loss <= ceiling - _SUFFICIENT_DECREASE * squared / step:
                return moved
            step /= 4
        return None

    def _spectral_step(self, before: "_State", after: "_State", step: float, long: bool) -> float:
        """Barzilai & Borwein's two inverse curvatures along the last move, longer and shorter.

        Taken in turn, which needs fewer evaluations than either where curvatures differ widely.
        """
        move, change = after.features - before.features, after.gradient - before.gradient
        curvature = (move * change).sum()
        if curvature <= 0:
            return min(10 * step, _LONGEST_STEP)
        weights = self.plan.occurrences
        if long:
            inverse = move.square().mul(weights).sum() / curvature
        else:
            inverse = curvature / change.square().div(weights).sum()
        return min(inverse.item(), _LONGEST_STEP)

    def _stalled(self, history: list[float]) -> bool:
        earlier, recent = history[:-_PATIENCE], history[-_PATIENCE:]
        return bool(earlier) and min(recent) > min(earlier) - self.tolerance / 100

    def _solution(self, state: "_State", bound: float, history: list[float]) -> UFMSolution:
        _, classes, sizes = torch.unique(self.plan.labels, return_inverse=True, return_counts=True)
        sums = state.features.new_zeros(len(sizes), state.features.shape[1])
        means = sums.index_add_(0, classes, state.features) / sizes.unsqueeze(1)  # (k, d)
        losses = torch.tensor(history, dtype=torch.float64)
        return UFMSolution(state.features, means, state.loss, state.loss - bound, losses)


@dataclass(frozen=True, eq=False)
class _State:
    features: Tensor  # (n, d)
    loss: float
    gradient: Tensor  # (n, d), without what the constraints forbid


def _reduced(gradient: Tensor, features: Tensor, nonnegative: bool) -> Tensor:
    """The gradient along the spheres, without descent directions that leave the orthant."""
    tangent = gradient - (gradient * features).sum(1, keepdim=True) * features
    return tangent.masked_fill((features <= 0) & (tangent > 0), 0) if nonnegative else tangent


def _projected(points: Tensor, nonnegative: bool) -> Tensor:
    """The nearest feasible features: where no entry is positive, the axis of the largest one."""
    if nonnegative:
        axes = one_hot(points.argmax(1), points.shape[1]).to(points.dtype)
        points = torch.where((points > 0).any(1, keepdim=True), points.clamp(min=0), axes)
    return normalize(points)


def _random_start(n: int, dim: int, nonnegative: bool, generator: torch.Generator) -> Tensor:
    points = torch.randn(n, dim, generator=generator, dtype=torch.float64)
    return normalize(points.abs() if nonnegative else points)


def _check_limits(**limits: object) -> None:
    for name, limit in limits.items():
        if not isinstance(limit, int | np.integer) or limit < 1:
            raise ValueError(f"{name}: expected a positive integer, got {limit!r}")


def _check_start(start: Tensor, shape: tuple[int, int], nonnegative: bool) -> None:
    check_matrix("start", start)
    if start.shape != shape:
        raise ValueError(f"start: expected shape {shape}, got {tuple(start.shape)}")
    if nonnegative and (start < 0).any():
        raise ValueError("start: has a negative entry, but features are non-negative")
    if (start == 0).all(1).any():
        raise ValueError("start: has a row of zeros, which has no direction")
