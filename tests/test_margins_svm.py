"""The hard-margin SVM against convex programmes, closed forms, KKT conditions, other solvers."""

import math
from collections.abc import Callable

import cvxpy as cp
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from sklearn.svm import LinearSVC
from torch import Tensor

from ncbook.geometry import centred, orthogonal_frame, simplex_etf
from ncbook.margins import SVMSolution, _active, angle, hard_margin_svm, pairwise_margins
from ncbook.margins import _multipliers as module
from ncbook.margins._pairs import Pairs

some_examples = settings(deadline=None, max_examples=20)
seeds = st.integers(0, 2**31)


def clusters(seed: int, n: int, k: int, dim: int, noise: float) -> tuple[Tensor, Tensor]:
    """Noise around random unit means; each class occurs."""
    generator = torch.Generator().manual_seed(seed)
    draw = torch.randn(n + k, dim, generator=generator, dtype=torch.float64)
    labels = torch.arange(n) % k
    means = draw[n:] / draw[n:].norm(dim=1, keepdim=True)
    return means[labels] + noise * draw[:n] / math.sqrt(dim), labels


def by_cvxpy(features: Tensor, labels: Tensor) -> Tensor:
    h, y = features.numpy(), labels.tolist()
    k = max(y) + 1
    weight = cp.Variable((k, h.shape[1]))
    scores = h @ weight.T
    constraints = [
        scores[i, y[i]] - scores[i, j] >= 1 for i in range(len(y)) for j in range(k) if j != y[i]
    ]
    problem = cp.Problem(cp.Minimize(cp.sum_squares(weight) / 2), constraints)
    precision = {"tol_gap_abs": 1e-13, "tol_gap_rel": 1e-13, "tol_feas": 1e-13}
    problem.solve(solver=cp.CLARABEL, **precision)
    return torch.tensor(weight.value)


def differences(features: Tensor, labels: Tensor, k: int) -> np.ndarray:
    """Rows (e_{y_i} − e_j) ⊗ h_i of the constraints, n(k−1) of them."""
    rows = []
    for h, y in zip(features.numpy(), labels.tolist(), strict=True):
        for j in range(k):
            if j != y:
                sign = np.zeros(k)
                sign[y], sign[j] = 1, -1
                rows.append(np.kron(sign, h))
    return np.array(rows)


def separable_by_lp(features: Tensor, labels: Tensor) -> bool:
    rows = differences(features, labels, int(labels.max()) + 1)
    size = rows.shape[1]
    found = linprog(np.zeros(size), A_ub=-rows, b_ub=-np.ones(len(rows)), bounds=(None, None))
    return bool(found.status == 0)


def assert_optimal(solution: SVMSolution, features: Tensor, labels: Tensor) -> None:
    """The KKT conditions, and a gap that says what the primal and dual values say."""
    weight, alpha = solution.weight, solution.multipliers
    k = len(weight)
    margins = differences(features, labels, k) @ weight.flatten().numpy()
    assert margins.min() == pytest.approx(1, abs=1e-10)
    assert (alpha >= 0).all()
    own = torch.nn.functional.one_hot(labels, k).bool()
    assert not alpha[own].any()
    constraints = alpha[~own].numpy()  # in the order of `differences`
    stationary = constraints @ differences(features, labels, k)
    size = float(weight.norm())
    np.testing.assert_allclose(stationary, weight.flatten().numpy(), atol=1e-10 * size)
    np.testing.assert_allclose(constraints * (margins - 1), 0, atol=1e-8 * constraints.max())
    torch.testing.assert_close(weight.sum(0), torch.zeros_like(weight[0]), rtol=0, atol=1e-9 * size)
    assert solution.support.equal((alpha > 0).any(1))
    assert solution.margin == pytest.approx(1 / size, rel=1e-12)
    dual = constraints.sum() ** 2 / (2 * size**2)  # the best of all multiples of α
    assert solution.gap == pytest.approx(1 - dual / (size**2 / 2), abs=1e-13)


@pytest.mark.parametrize(
    ("n", "k", "dim", "noise"), [(12, 2, 3, 0.5), (15, 3, 4, 0.5), (24, 4, 12, 1.5), (9, 9, 5, 0)]
)
@pytest.mark.parametrize("seed", [0, 1])
def test_agrees_with_a_convex_programme(seed: int, n: int, k: int, dim: int, noise: float) -> None:
    features, labels = clusters(seed, n, k, dim, noise)
    solution = hard_margin_svm(features, labels)
    reference = by_cvxpy(features, labels)
    assert angle(solution.weight, reference) < 1e-6
    assert float(solution.weight.norm()) == pytest.approx(float(reference.norm()), rel=1e-7)


@some_examples
@given(seed=seeds, k=st.integers(2, 5), spare=st.integers(0, 6), noise=st.floats(0, 0.6))
def test_what_it_returns_is_optimal_and_what_it_refuses_is_inseparable(
    seed: int, k: int, spare: int, noise: float
) -> None:
    features, labels = clusters(seed, 20, k, k + spare, noise)
    if not separable_by_lp(features, labels):
        with pytest.raises(ValueError, match="features: not linearly separable"):
            hard_margin_svm(features, labels)
        return
    solution = hard_margin_svm(features, labels)
    relative = solution.margin / float(features.norm(dim=1).max())
    assert solution.gap <= max(1e-12, 1e-14 / relative)
    assert_optimal(solution, features, labels)


@pytest.mark.parametrize("spacing", [0.9, 1.0, 1.1])
def test_the_edge_of_separability_is_found(spacing: float) -> None:
    """Random labels on n points in d dimensions are separable up to about n = 2d (Cover 1965)."""
    for seed in range(6):
        generator = torch.Generator().manual_seed(seed)
        n, dim = int(2 * 12 * spacing), 12
        features = torch.randn(n, dim, generator=generator, dtype=torch.float64)
        labels = torch.randint(2, (n,), generator=generator)
        labels[:2] = torch.tensor([0, 1])
        if separable_by_lp(features, labels):
            assert_optimal(hard_margin_svm(features, labels), features, labels)
        else:
            with pytest.raises(ValueError, match="features: not linearly separable"):
                hard_margin_svm(features, labels)


@pytest.mark.parametrize("k", [2, 3, 10])
@pytest.mark.parametrize("frame", [simplex_etf, orthogonal_frame])
def test_collapsed_frames_have_a_closed_form(k: int, frame: Callable[[int, int], Tensor]) -> None:
    means = 3 * frame(k, k + 1)
    labels = torch.arange(4 * k) % k
    solution = hard_margin_svm(means[labels], labels)
    assert angle(solution.weight, centred(means)) < 1e-7
    weight = centred(means) / float(pairwise_margins(means, torch.arange(k), centred(means)).min())
    torch.testing.assert_close(solution.weight, weight)
    if frame is simplex_etf:
        assert solution.margin == pytest.approx(3 * math.sqrt(k) / (k - 1), rel=1e-12)


def test_two_classes_are_the_binary_svm() -> None:
    """Samples ±: the weight is ±u/2, u the point of their hull (flipped) next to the origin."""
    features = torch.tensor([[3.0, 1.0], [5.0, 2.0], [-3.0, 1.0], [-4.0, -2.0]])
    labels = torch.tensor([0, 0, 1, 1])
    # Flipped: (3, 1), (5, 2), (3, −1), (4, 2). The segment (3, 1)–(3, −1) is next to the origin.
    solution = hard_margin_svm(features, labels)
    expected = torch.tensor([[1 / 6, 0], [-1 / 6, 0]], dtype=torch.float64)
    torch.testing.assert_close(solution.weight, expected, rtol=0, atol=1e-10)
    assert solution.margin == pytest.approx(3 * math.sqrt(2), rel=1e-9)
    assert solution.support.tolist() == [True, False, True, False]


def test_agrees_with_liblinear() -> None:
    features, labels = clusters(3, 60, 4, 10, 0.4)
    peer = LinearSVC(
        multi_class="crammer_singer", fit_intercept=False, C=1e4, tol=1e-10, max_iter=100_000
    ).fit(features.numpy(), labels.numpy())
    solution = hard_margin_svm(features, labels)
    assert angle(solution.weight, torch.tensor(peer.coef_)) < 1e-5


@some_examples
@given(seed=seeds, scale=st.floats(1e-4, 1e4))
def test_rotation_scale_label_order_and_copies_change_nothing(seed: int, scale: float) -> None:
    features, labels = clusters(seed, 20, 3, 8, 0.3)
    weight = hard_margin_svm(features, labels).weight
    generator = torch.Generator().manual_seed(seed)
    rotation = torch.linalg.qr(torch.randn(8, 8, generator=generator, dtype=torch.float64)).Q
    names = torch.randperm(3, generator=generator)
    moved = (scale * features @ rotation).repeat(2, 1)
    again = hard_margin_svm(moved, names[labels].repeat(2)).weight
    assert angle(again[names], weight @ rotation) < 2e-6
    assert float(again.norm()) == pytest.approx(float(weight.norm()) / scale, rel=1e-9)


@pytest.mark.parametrize("noise", [0.0, 1e-13, 1e-9, 1e-6, 1e-3])
def test_nearly_collapsed_features_are_solved_to_the_same_precision(noise: float) -> None:
    features, labels = clusters(5, 400, 5, 20, noise)
    solution = hard_margin_svm(features, labels)
    assert solution.gap <= 1e-12
    assert_optimal(solution, features, labels)


def test_a_bias_is_a_constant_feature() -> None:
    """Without one, classes on one ray can't be told apart by sign; two of three can't at all."""
    features = torch.tensor([[1.0], [2.0]])
    labels = torch.tensor([0, 1])
    with pytest.raises(ValueError, match="features: not linearly separable"):
        hard_margin_svm(features, labels)
    solution = hard_margin_svm(torch.cat([features, torch.ones(2, 1)], 1), labels)
    assert_optimal(solution, torch.tensor([[1.0, 1], [2, 1]]).double(), labels)


def test_the_tolerance_is_certified_or_the_gap_says_so() -> None:
    features, labels = clusters(6, 300, 5, 20, 1.0)
    exact = hard_margin_svm(features, labels)
    rough = hard_margin_svm(features, labels, tolerance=0.3)
    assert exact.gap <= 1e-12 < 1e-6 < rough.gap <= 0.09
    assert angle(rough.weight, exact.weight) <= math.asin(math.sqrt(rough.gap)) + 1e-6
    beyond = hard_margin_svm(features, labels, tolerance=1e-12)
    assert 1e-24 < beyond.gap < 1e-12


def test_a_tiny_margin_is_still_found() -> None:
    features = torch.tensor([[1.0, 1e-5], [1.0, -1e-5]], dtype=torch.float64)
    solution = hard_margin_svm(features, torch.tensor([0, 1]))
    assert solution.margin == pytest.approx(1e-5 * math.sqrt(2), rel=1e-6)


def test_single_samples_and_low_precision() -> None:
    features = simplex_etf(3, 4).float().requires_grad_()
    solution = hard_margin_svm(features, torch.arange(3).int())
    assert solution.weight.dtype == torch.float64
    assert not solution.weight.requires_grad
    assert_optimal(solution, features.detach().double(), torch.arange(3))


def test_violations_are_named() -> None:
    features, labels = clusters(7, 40, 3, 10, 0.2)
    features[10] = features[8]  # another class
    with pytest.raises(ValueError, match="not linearly separable") as caught:
        hard_margin_svm(features, labels)
    named = str(caught.value).split("samples ")[1]
    assert {"8", "10"} & set(named.replace(" and", ",").split(", "))
    flipped = labels.clone()
    flipped[12] = 1  # between class 0's own samples
    features, _ = clusters(7, 40, 3, 2, 0.05)
    with pytest.raises(ValueError, match=r"violates samples .*\b12\b"):
        hard_margin_svm(features, flipped)


def test_a_factorisation_of_the_active_constraints_only_saves_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    features, labels = clusters(8, 400, 4, 20, 1.2)
    factored = hard_margin_svm(features, labels)
    monkeypatch.setattr(_active, "_FACTORED_UP_TO", 0)
    iterated = hard_margin_svm(features, labels)
    assert angle(factored.weight, iterated.weight) < 1e-6
    for solution in (factored, iterated):
        assert solution.gap <= 1e-12
        assert_optimal(solution, features, labels)


def test_a_support_that_is_off_is_corrected() -> None:
    features, labels = clusters(8, 400, 4, 20, 1.2)
    exact = hard_margin_svm(features, labels)
    pairs = Pairs.of(features, labels, 4)
    wrong = exact.multipliers.clone()
    positive = wrong > 0
    wrong[wrong == wrong[positive].min()] = 0  # the least support vector is missing
    nearest = pairs.margins(exact.weight).masked_fill(positive | pairs.own, math.inf)
    wrong[nearest == nearest.min()] = float(wrong.max()) / 10  # and the next to be one is one
    start = module.Candidate.of(pairs, wrong)
    found = module._solved(pairs, start, 1e-12)
    assert found.gap <= 1e-12 < start.gap
    assert angle(found.weight, exact.weight) < 2e-6


def test_giving_up_is_an_error_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_ROUNDS", 0)
    with pytest.raises(ValueError, match="features: not linearly separable: no separating"):
        hard_margin_svm(*clusters(0, 10, 2, 3, 0.1))


NAN = float("nan")
X, Y = torch.eye(3), torch.arange(3)


@pytest.mark.parametrize(
    ("features", "labels", "complaint"),
    [
        (torch.ones(3), Y, "features: expected 2 dimensions"),
        (torch.ones(0, 3), Y[:0], "features: empty"),
        (torch.full((3, 3), NAN), Y, "features: row 0 holds NaN or infinity"),
        (X.long(), Y, "features: expected a floating-point dtype"),
        ([[1.0]], Y, "features: expected a torch.Tensor, got list"),
        (torch.zeros(3, 3), Y, "features: all are zero"),
        (X, Y[:2], "labels: got 2 labels for 3 rows"),
        (X, Y.double(), "labels: expected an integer dtype"),
        (X, torch.zeros_like(Y), "labels: a margin is between 2 classes, got 1"),
        (X, 2 * Y, "labels: no sample of class 1 of 0 to 4"),
        (X, Y - 1, "labels: expected 0 to 1, got -1"),
    ],
)
def test_bad_input_is_named(features: Tensor, labels: Tensor, complaint: str) -> None:
    with pytest.raises(ValueError, match=f"^{complaint}"):
        hard_margin_svm(features, labels)


@pytest.mark.parametrize("tolerance", [0.0, -1.0, NAN, math.inf])
def test_the_tolerance_is_positive(tolerance: float) -> None:
    with pytest.raises(ValueError, match="tolerance: expected a positive finite number"):
        hard_margin_svm(X, Y, tolerance=tolerance)
