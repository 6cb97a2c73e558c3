"""The solver against the theorem, loop oracles and SciPy; the k×k programme against the solver."""

import math
import time
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from torch import Tensor
from torch.nn.functional import normalize

from ncbook.batching import BatchBinding, Fixed
from ncbook.geometry import simplex_etf
from ncbook.supcon import supcon_loss, supcon_minimum
from ncbook.ufm import class_geometry, lower_bound, solve_ufm
from ncbook.ufm.plan import plan_of
from tests import oracles
from tests.allocation import LargestAllocation

seeds = st.integers(0, 2**31)
BAD_COUNTS: list[Any] = [[3, 0], [3, 1.5], [1, 1], []]


def labels_of(sizes: Sequence[int], seed: int = 0) -> Tensor:
    """Labels with these class sizes, in an order of their own."""
    labels = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    return labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))]


def random_features(seed: int, n: int, dim: int, nonnegative: bool = False) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    features = normalize(torch.randn(n, dim, generator=generator, dtype=torch.float64))
    return features.abs() if nonnegative else features


def plan_oracle(
    features: Tensor, labels: Tensor, temperature: float, batches: Iterable[Sequence[int]]
) -> Tensor:
    """Σ_B Σ_i ℓ_i over the number of anchors, batch by batch and pair by pair."""
    total, anchors = torch.zeros((), dtype=torch.float64), 0
    for batch in map(list, batches):
        inside = labels[batch].tolist()
        count = sum(inside.count(label) > 1 for label in inside)
        if count:
            loss = oracles.supcon_loss(features[batch], labels[batch], temperature)
            total, anchors = total + count * loss, anchors + count
    return total / anchors


def assert_feasible(features: Tensor, nonnegative: bool = True) -> None:
    ones = torch.ones(len(features), dtype=torch.float64)
    torch.testing.assert_close(features.norm(dim=1), ones, rtol=0, atol=1e-14)
    assert not (nonnegative and (features < 0).any())


# --- the orthogonal frame -------------------------------------------------------------------------


@settings(deadline=None, max_examples=20)
@given(
    sizes=st.lists(st.integers(2, 9), min_size=2, max_size=6),
    spare=st.integers(0, 3),
    tau=st.sampled_from([0.1, 0.5, 1.0, 2.0]),
    seed=seeds,
)
def test_orthogonal_frame_is_reached_for_any_class_sizes(
    sizes: list[int], spare: int, tau: float, seed: int
) -> None:
    labels = labels_of(sizes, seed)
    solution = solve_ufm(labels, len(sizes) + spare, tau, seed=seed)
    assert -1e-14 < solution.gap <= 1e-10
    assert_feasible(solution.embeddings)
    gram = solution.embeddings @ solution.embeddings.T
    same = (labels.unsqueeze(1) == labels).double()
    # A gap of ε leaves inner products of about ε e^{1/τ}.
    torch.testing.assert_close(gram, same, rtol=0, atol=1e-3 if tau == 0.1 else 1e-6)


def test_minimum_has_the_value_that_the_theorem_gives() -> None:
    solution = solve_ufm(labels_of([7, 5, 2]), 3, 0.1, tolerance=1e-13)
    assert 14 * solution.loss == pytest.approx(19.4757588712, abs=1e-9)
    assert 14 * lower_bound([7, 5, 2], 0.1) == pytest.approx(19.4757588712, abs=1e-9)


@pytest.mark.parametrize("dim", [2, 3])
def test_solver_agrees_with_scipy(dim: int) -> None:
    """d = 2 < k too, where the minimum is known to neither: h = u²/‖u²‖, loss from the loops."""
    labels = torch.tensor([0, 0, 0, 1, 1, 2, 2])

    def features(flat: Tensor) -> Tensor:
        return normalize(flat.view(7, dim).square())

    def loss_and_gradient(flat: np.ndarray) -> tuple[float, np.ndarray]:
        leaf = torch.tensor(flat).requires_grad_()
        loss = oracles.supcon_loss(features(leaf), labels, 0.5)
        return loss.item(), torch.autograd.grad(loss, leaf)[0].numpy()

    starts = np.random.default_rng(0).uniform(0.2, 1, (5, 7 * dim))
    tight = {"ftol": 1e-14, "gtol": 1e-9}
    found = min(
        minimize(loss_and_gradient, start, jac=True, method="L-BFGS-B", options=tight).fun
        for start in starts
    )
    assert solve_ufm(labels, dim, 0.5).loss == pytest.approx(found, abs=1e-7)


def test_required_precision_is_reached_in_time() -> None:
    """A gap of 1e-8 in 5 s on two idle cores; half a second is usual, and others may be busy."""
    unequal = [271, 190, 133, 93, 65, 114, 59, 38, 22, 15]
    for labels in (torch.arange(1000) % 10, labels_of(unequal)):
        began = time.perf_counter()
        solution = solve_ufm(labels, 20)
        assert len(labels) == 1000
        assert solution.gap <= 1e-8
        assert time.perf_counter() - began < 30


@pytest.mark.parametrize("tau", [0.05, 0.02])
def test_temperatures_that_leave_no_gradient_are_reached_from_a_warmer_one(tau: float) -> None:
    solution = solve_ufm(labels_of([9, 6, 4]), 5, tau)
    assert solution.gap <= 1e-10
    torch.testing.assert_close(
        solution.means @ solution.means.T, torch.eye(3).double(), rtol=0, atol=1e-3
    )


def test_too_few_dimensions_leave_a_gap() -> None:
    """On the half-line all features coincide: the loss is log(n − 1)."""
    solution = solve_ufm(labels_of([4, 3]), 1)
    assert solution.loss == pytest.approx(math.log(6), abs=1e-14)
    assert solution.gap == pytest.approx(math.log(6) - lower_bound([4, 3], 1.0), abs=1e-14)


def test_singletons_are_pushed_and_not_pulled() -> None:
    solution = solve_ufm(labels_of([3, 1, 2, 1]), 4)
    assert solution.gap <= 1e-10
    gram = solution.means @ solution.means.T
    pushed = torch.tensor([[0, 1], [0, 2], [0, 3], [1, 2], [2, 3]])
    assert gram[pushed[:, 0], pushed[:, 1]].max() < 1e-8


# --- the landscape --------------------------------------------------------------------------------


def merged(labels: Tensor) -> Tensor:
    """Classes 0 and 1 on the first axis, class 2 spread over the two others."""
    means = torch.tensor([[1.0, 0, 0], [1, 0, 0], [0, 1, 1]], dtype=torch.float64)
    return normalize(means[labels])


def test_two_merged_classes_are_a_local_minimum() -> None:
    labels = labels_of([9, 4, 2])
    nearby = merged(labels) + 0.1 * random_features(0, 15, 3, nonnegative=True)
    solution = solve_ufm(labels, 3, start=nearby)
    assert 15 * solution.gap == pytest.approx(4.36, abs=0.005)
    torch.testing.assert_close(solution.embeddings, merged(labels), rtol=0, atol=0.2)
    assert solve_ufm(labels, 3).gap <= 1e-10


def test_restarts_leave_local_minima() -> None:
    """With no spare dimension, random starts at τ = 1 are often caught; later, colder ones not."""
    labels = labels_of([20, 14, 10, 7, 5, 3, 2])
    once = [solve_ufm(labels, 7, seed=seed, restarts=1).gap for seed in range(4)]
    often = [solve_ufm(labels, 7, seed=seed).gap for seed in range(4)]
    assert max(once) > 1e-4
    assert max(often) <= 1e-10


def test_start_at_the_minimum_needs_no_iteration() -> None:
    labels = labels_of([3, 4])
    start = 7 * torch.eye(2, 3)[labels]
    solution = solve_ufm(labels, 3, start=start)
    assert len(solution.history) == 1
    torch.testing.assert_close(solution.embeddings, start.double() / 7)


def test_projection_of_a_point_without_a_positive_entry_is_feasible() -> None:
    """On two opposite axes in the plane, the pull of τ = 0.05 throws features past the corner."""
    labels = torch.tensor([0, 0, 1, 1])
    start = torch.tensor([[1.0, 1e-9], [1e-9, 1.0], [1.0, 1e-9], [1e-9, 1.0]])
    assert_feasible(solve_ufm(labels, 2, 0.05, start=start).embeddings)


# --- free signs -----------------------------------------------------------------------------------


@pytest.mark.parametrize("tau", [0.1, 0.5, 1.0])
@pytest.mark.parametrize("k", [2, 3, 5, 8])
def test_equal_sizes_give_the_simplex_etf(k: int, tau: float) -> None:
    etf = simplex_etf(k, k) @ simplex_etf(k, k).T
    geometry = class_geometry([6] * k, tau)
    torch.testing.assert_close(geometry.gram, etf, rtol=0, atol=1e-7)
    assert geometry.loss == pytest.approx(supcon_minimum([6] * k, tau, "etf"), abs=1e-12)
    assert 0 <= geometry.gap <= 1e-9
    dim = max(2, k - 1)
    solution = solve_ufm(labels_of([6] * k), dim, tau, nonnegative=False, tolerance=1e-13)
    assert_feasible(solution.embeddings, nonnegative=False)
    assert abs(solution.gap) <= 1e-9
    torch.testing.assert_close(solution.means @ solution.means.T, etf, rtol=0, atol=1e-3)


@pytest.mark.parametrize("sizes", [[7, 5, 2], [2, 9], [12, 12, 3, 3], [9, 6, 4, 3, 2]])
def test_unequal_sizes_give_the_programmes_geometry(sizes: list[int]) -> None:
    geometry = class_geometry(sizes, 1.0)
    labels = labels_of(sizes)
    dim = max(2, len(sizes) - 1)
    solution = solve_ufm(labels, dim, nonnegative=False, tolerance=1e-13)
    assert abs(solution.gap) <= 1e-11
    assert geometry.gap <= 1e-12
    expected = geometry.gram[labels][:, labels]
    gram = solution.embeddings @ solution.embeddings.T
    torch.testing.assert_close(gram, expected, rtol=0, atol=1e-4)


def bound_oracle(gram: np.ndarray, sizes: Sequence[int], tau: float) -> float:
    """F from its definition."""
    total, k = 0.0, len(sizes)
    for c in range(k):
        push = sum(sizes[b] * math.exp((gram[c, b] - 1) / tau) for b in range(k) if b != c)
        total += sizes[c] * math.log(sizes[c] - 1 + push)
    return total


@pytest.mark.parametrize(("sizes", "tau"), [([7, 5, 2], 1.0), ([20, 4, 2], 0.3), ([4, 4, 9], 0.1)])
def test_programme_agrees_with_scipy_on_three_classes(sizes: list[int], tau: float) -> None:
    """Three unit vectors of rank 2 lie in a plane: two angles, by a simplex search."""

    def planar(angles: np.ndarray) -> np.ndarray:
        directions = np.array([0.0, *angles])
        return np.cos(directions[:, None] - directions)

    tight = {"xatol": 1e-10, "fatol": 1e-15, "maxiter": 5000}
    found = minimize(
        lambda angles: bound_oracle(planar(angles), sizes, tau),
        [2.0, -2.0],
        method="Nelder-Mead",
        options=tight,
    )
    geometry = class_geometry(sizes, tau)
    assert sum(sizes) * geometry.loss == pytest.approx(found.fun, rel=1e-10)
    expected = torch.tensor(planar(found.x))
    torch.testing.assert_close(geometry.gram, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("sizes", "tau", "nonnegative"),
    [
        ([4, 3, 2], 1.0, False),
        ([5, 2, 2], 0.3, False),
        ([6, 2, 1], 0.5, False),
        ([4, 3, 2], 1, True),
    ],
)
def test_no_features_lie_below_the_certified_bound(
    sizes: list[int], tau: float, nonnegative: bool
) -> None:
    """Five hundred random ones each, and five hundred close to a minimiser."""
    labels, bound = labels_of(sizes), lower_bound(sizes, tau, nonnegative)
    best = solve_ufm(labels, 3, tau, nonnegative).embeddings
    far = random_features(0, 500 * len(labels), 3, nonnegative).view(500, len(labels), 3)
    near = best + torch.logspace(-6, -1, 500).view(-1, 1, 1) * far
    plan = plan_of(labels, None)
    losses = [
        plan.evaluate(h, tau)[0]
        for h in torch.cat([far, normalize(near.abs() if nonnegative else near, dim=2)])
    ]
    assert min(losses[:500]) > bound
    assert 0 <= min(losses[500:]) - bound + 1e-14 < 1e-6


@pytest.mark.parametrize("sizes", [[2, 2], [50, 2], [7, 1]])
def test_two_classes_stay_antipodal_for_any_sizes(sizes: list[int]) -> None:
    antipodal = torch.tensor([[1.0, -1], [-1, 1]], dtype=torch.float64)
    geometry = class_geometry(sizes, 0.5)
    torch.testing.assert_close(geometry.gram, antipodal, rtol=0, atol=1e-7)
    solution = solve_ufm(labels_of(sizes), 2, 0.5, nonnegative=False)
    torch.testing.assert_close(solution.means @ solution.means.T, antipodal, rtol=0, atol=1e-3)


def test_step_imbalance_has_three_inner_products() -> None:
    gram = class_geometry([60, 60, 60, 6, 6, 6], 1.0).gram
    off = ~torch.eye(3, dtype=torch.bool)
    groups = [gram[:3, :3][off], gram[3:, 3:][off], gram[:3, 3:].flatten()]
    assert max(float(group.max() - group.min()) for group in groups) < 1e-9
    majority, minority, _ = (float(group.mean()) for group in groups)
    assert majority < -0.2 < 0 < minority < 0.99


def test_two_small_classes_merge_beside_two_large_ones() -> None:
    """From some R on, exactly: the large ones take one line, the small ones one point beside it."""
    apart, together = (class_geometry([2 * r, 2 * r, 2, 2], 1.0) for r in (10, 1000))
    assert apart.gram[2, 3] < 0.6
    assert together.gap <= 1e-12
    assert together.gram[2, 3].item() == pytest.approx(1, abs=1e-12)
    assert together.gram[0, 1] < -0.9999


@pytest.mark.parametrize(("ratio", "expected"), [(10, 0.31114735), (1000, 0.51565778)])
def test_angles_between_small_classes_settle_though_they_weigh_little(
    ratio: int, expected: float
) -> None:
    """STEP, k = 6, n_min = 2: two numbers are free (det = 0 gives the third); 40-digit values."""
    geometry = class_geometry([2 * ratio] * 3 + [2] * 3, 1.0)
    assert geometry.gram[3, 4].item() == pytest.approx(expected, abs=1e-8)


def test_programme_of_a_hundred_unequal_classes_is_certified() -> None:
    began = time.perf_counter()
    assert class_geometry([500] * 50 + [5] * 50, 0.5).gap <= 1e-12
    assert time.perf_counter() - began < 30  # one second on two idle cores


@settings(deadline=None, max_examples=15)
@given(sizes=st.lists(st.integers(2, 500), min_size=2, max_size=6), tau=st.floats(0.05, 3))
def test_programme_is_certified_for_any_class_sizes(sizes: list[int], tau: float) -> None:
    geometry = class_geometry(sizes, tau)
    assert 0 <= geometry.gap <= 1e-11
    spectrum = torch.linalg.eigvalsh(geometry.gram)
    assert spectrum[0].abs() < 1e-7  # singular, whatever the sizes
    assert bound_oracle(geometry.gram.numpy(), sizes, tau) / sum(sizes) == pytest.approx(
        geometry.loss, rel=1e-12
    )


def test_programme_without_negative_entries_is_the_orthogonal_frame() -> None:
    geometry = class_geometry([5, 3, 1], 0.2, nonnegative=True)
    torch.testing.assert_close(geometry.gram, torch.eye(3).double(), rtol=0, atol=0)
    assert (geometry.loss, geometry.gap) == (supcon_minimum([5, 3, 1], 0.2), 0)


@pytest.mark.parametrize("tau", [1e-3, 1e-2, 10.0])
def test_programme_holds_at_extreme_temperatures(tau: float) -> None:
    """As τ → 0 the closest pair decides, and three vectors spread evenly, whatever their weight."""
    geometry = class_geometry([8, 4, 2], tau)
    assert geometry.gap <= 1e-12
    assert torch.linalg.eigvalsh(geometry.gram)[0].abs() < 1e-7
    if tau < 0.01:
        off = geometry.gram[[0, 0, 1], [1, 2, 2]]
        torch.testing.assert_close(off, torch.full((3,), -0.5).double(), rtol=0, atol=0.01)


# --- batch plans ----------------------------------------------------------------------------------


@settings(deadline=None, max_examples=25)
@given(seed=seeds, tau=st.floats(0.1, 2))
def test_objective_and_gradient_agree_with_loops_over_batches(seed: int, tau: float) -> None:
    """Batches of any size and overlap; some without an anchor, some of one class."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(4, (14,), generator=generator)
    labels[:2] = 0
    sizes = torch.randint(1, 8, (6,), generator=generator).tolist()
    batches = [torch.randperm(14, generator=generator)[:size].tolist() for size in sizes]
    batches.append([0, 1])
    features = random_features(seed, 14, 3).requires_grad_()
    expected = plan_oracle(features, labels, tau, batches)
    (slopes,) = torch.autograd.grad(expected, features)
    loss, gradient = plan_of(labels, batches).evaluate(features.detach(), tau)
    assert loss == pytest.approx(expected.item(), rel=1e-12)
    torch.testing.assert_close(gradient, slopes, rtol=0, atol=1e-12 / tau)


def test_large_batches_agree_with_loops_too() -> None:
    labels = labels_of([100, 60, 1, 7])
    batches = [range(140), range(30, 168), range(5), range(160, 168)]
    features = random_features(0, 168, 3)
    expected = plan_oracle(features, labels, 0.3, batches)
    plan = plan_of(labels, batches)
    assert plan.evaluate(features, 0.3)[0] == pytest.approx(expected.item(), rel=1e-12)


@pytest.mark.parametrize("nonnegative", [True, False])
def test_solution_of_a_plan_reports_its_own_loss_and_bound(nonnegative: bool) -> None:
    labels = labels_of([6, 5, 2])
    batches = [[*range(6)], [*range(4, 13)], [0, 12], [3, 8, 11]]
    solution = solve_ufm(labels, 4, 0.5, nonnegative, batches, restarts=1)
    assert_feasible(solution.embeddings, nonnegative)
    expected = plan_oracle(solution.embeddings, labels, 0.5, batches)
    assert solution.loss == pytest.approx(expected.item(), rel=1e-12)
    bounds, anchors = 0.0, 0
    for batch in batches:
        counts = torch.bincount(labels[batch], minlength=3)
        count = int(counts[counts > 1].sum())
        if count:
            bound = lower_bound(counts[counts > 0].tolist(), 0.5, nonnegative)
            bounds, anchors = bounds + count * bound, anchors + count
    assert solution.gap == pytest.approx(solution.loss - bounds / anchors, abs=1e-14)


@pytest.mark.parametrize("tau", [0.1, 1.0])
def test_bound_batches_give_the_orthogonal_frame(tau: float) -> None:
    labels = labels_of([30, 20, 10, 6])
    plan = BatchBinding(Fixed(labels, 11), labels)
    solution = solve_ufm(labels, 5, tau, batches=plan, tolerance=1e-12)
    assert solution.gap <= 1e-12
    same = (labels.unsqueeze(1) == labels).double()
    gram = solution.embeddings @ solution.embeddings.T
    torch.testing.assert_close(gram, same, rtol=0, atol=1e-3 if tau == 0.1 else 1e-5)


def test_batches_that_don_t_meet_leave_classes_anywhere() -> None:
    """Two halves of the data that share no batch: gap 0 and yet no orthogonal frame."""
    labels = torch.tensor([0, 0, 1, 1, 0, 0, 1, 1])
    solution = solve_ufm(labels, 4, batches=[[0, 1, 2, 3], [4, 5, 6, 7]])
    assert solution.gap <= 1e-10
    assert solution.embeddings[0] @ solution.embeddings[4] < 0.99


def test_single_class_batches_are_bounded_and_two_samples_move_nothing() -> None:
    labels = torch.tensor([0, 0, 0, 1, 1])
    start = random_features(1, 5, 3, nonnegative=True)
    pair = solve_ufm(labels, 3, batches=[[0, 1]], start=start)
    assert (pair.loss, pair.gap) == (0, 0)
    torch.testing.assert_close(pair.embeddings, start)
    three = solve_ufm(labels, 3, batches=[[0, 1, 2]], tolerance=1e-13)
    assert three.loss == pytest.approx(math.log(2), abs=1e-12)
    assert lower_bound([3], 1.0) == pytest.approx(math.log(2), abs=1e-15)
    assert lower_bound([2], 1.0, nonnegative=False) == 0


def test_samples_outside_all_active_batches_stay() -> None:
    labels = torch.tensor([0, 0, 1, 1, 2, 2])
    start = random_features(2, 6, 3, nonnegative=True)
    batches = [[0, 1, 2], [3, 4], [1]]  # nobody in the second and third is an anchor
    solution = solve_ufm(labels, 3, batches=batches, start=start)
    assert len(solution.history) > 1
    torch.testing.assert_close(solution.embeddings[3:], start[3:], rtol=0, atol=1e-14)
    assert solution.gap <= 1e-10
    torch.testing.assert_close(solution.embeddings[0], solution.embeddings[1], rtol=0, atol=1e-4)


def test_memory_is_bounded_by_the_batch() -> None:
    labels = torch.arange(3_000) % 20
    batches = BatchBinding(Fixed(labels, 200), labels)
    with LargestAllocation() as largest:
        solution = solve_ufm(labels, 16, batches=batches, restarts=1, max_iterations=1)
    assert len(solution.history) == 2
    assert largest.entries <= 2**17  # (3,000, 16) features, or a strip of similarities


# --- the interface --------------------------------------------------------------------------------


def test_same_seed_gives_the_same_solution() -> None:
    labels = labels_of([6, 3, 4])
    first, again, other = (solve_ufm(labels, 4, seed=seed) for seed in (5, 5, 6))
    assert torch.equal(first.embeddings, again.embeddings)
    assert torch.equal(first.history, again.history)
    assert not torch.equal(first.embeddings, other.embeddings)


def test_arguments_are_left_as_they_were() -> None:
    labels, batches = labels_of([4, 4, 3]), [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10]]
    start = random_features(3, 11, 4).abs().requires_grad_()
    kept = labels.clone(), [list(batch) for batch in batches], start.detach().clone()
    solution = solve_ufm(labels, 4, batches=batches, start=start)
    assert torch.equal(labels, kept[0])
    assert batches == kept[1]
    assert torch.equal(start, kept[2])
    assert start.grad is None
    assert not solution.embeddings.requires_grad


def test_solution_describes_its_embeddings() -> None:
    labels = labels_of([5, 3, 2]) * 10 - 7  # any integers
    solution = solve_ufm(labels, 3, 0.7)
    means = oracles.class_means(solution.embeddings, labels)
    np.testing.assert_allclose(solution.means, means, atol=1e-15)
    assert solution.embeddings.dtype == solution.history.dtype == torch.float64
    assert solution.loss == solution.history.min().item()
    whole = supcon_loss(solution.embeddings, labels, 0.7)
    assert solution.loss == pytest.approx(whole.item(), rel=1e-12)
    listed = solve_ufm(labels, 3, 0.7, batches=[range(10)])
    torch.testing.assert_close(listed.history, solution.history)


def test_history_ends_at_the_limit() -> None:
    solution = solve_ufm(labels_of([9, 8, 7]), 5, restarts=1, max_iterations=3)
    assert len(solution.history) == 4


NEGATIVE = torch.tensor([[1.0, 0], [1, 0], [0, 1], [0.5, -1e-9]])
MISTAKES: list[tuple[str, dict[str, Any]]] = [
    ("labels", {"labels": [0, 0, 1, 1]}),
    ("labels", {"labels": torch.zeros(4)}),
    ("labels", {"labels": torch.zeros(2, 2, dtype=torch.int64)}),
    ("labels", {"labels": torch.zeros(0, dtype=torch.int64)}),
    ("labels", {"labels": torch.arange(4)}),
    ("dim", {"dim": 0}),
    ("dim", {"dim": 2.0}),
    ("temperature", {"temperature": 0.0}),
    ("temperature", {"temperature": -1.0}),
    ("temperature", {"temperature": math.nan}),
    ("temperature", {"temperature": "1"}),
    ("restarts", {"restarts": 0}),
    ("max_iterations", {"max_iterations": 0}),
    ("tolerance", {"tolerance": 0.0}),
    ("batches", {"batches": []}),
    ("batches: batch 1 is", {"batches": [[0, 1], []]}),
    ("batches: batch 0 is", {"batches": [[[0, 1], [2, 3]]]}),
    ("batches: batch 0 is", {"batches": [[0.5, 1.5]]}),
    ("batches: batch 0 is", {"batches": [0, 1, 2, 3]}),
    ("batches: batch 1 holds index 4", {"batches": [[0, 1], [2, 4]]}),
    ("batches: batch 0 holds index -1", {"batches": [[0, -1]]}),
    ("batches: batch 0 holds an index twice", {"batches": [[0, 1, 0]]}),
    ("batches: no label occurs twice", {"batches": [[0, 2], [1, 3], [2]]}),
    ("start: expected shape", {"start": torch.ones(4, 3)}),
    ("start: expected a torch", {"start": [[1, 0]] * 4}),
    ("start: expected a floating", {"start": torch.ones(4, 2, dtype=torch.int64)}),
    ("start: row 2 holds NaN", {"start": torch.tensor([[1.0, 1]] * 2 + [[math.nan, 1]] * 2)}),
    ("start: has a negative", {"start": NEGATIVE}),
    ("start: has a row of zeros", {"start": torch.eye(4, 2)}),
]


@pytest.mark.parametrize(("message", "mistake"), MISTAKES)
def test_mistake_is_named(message: str, mistake: dict[str, Any]) -> None:
    arguments = {"labels": torch.tensor([0, 0, 1, 1]), "dim": 2} | mistake
    with pytest.raises(ValueError, match=f"^{message}"):
        solve_ufm(**arguments)


def test_negative_start_is_welcome_where_signs_are_free() -> None:
    labels = torch.tensor([0, 0, 1, 1])
    assert solve_ufm(labels, 2, nonnegative=False, start=NEGATIVE).gap <= 1e-10


@pytest.mark.parametrize("function", [lower_bound, class_geometry])
@pytest.mark.parametrize("nonnegative", [True, False])
def test_mistaken_counts_and_temperatures_are_named(function: Any, nonnegative: bool) -> None:
    for counts in BAD_COUNTS:
        with pytest.raises(ValueError, match=r"^class_counts"):
            function(counts, 1.0, nonnegative)
    with pytest.raises(ValueError, match=r"^temperature"):
        function([2, 2], 0.0, nonnegative)
