"""The regularisation path against scikit-learn and its own gradient; its end against the SVM."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from torch import Tensor
from torch.nn.functional import cross_entropy

from ncbook.geometry import simplex_etf
from ncbook.margins import angle, hard_margin_svm, regularised_ce
from ncbook.margins import path as module


def clusters(seed: int, n: int, k: int, dim: int, noise: float) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    draw = torch.randn(n + k, dim, generator=generator, dtype=torch.float64)
    labels = torch.arange(n) % k
    means = draw[n:] / draw[n:].norm(dim=1, keepdim=True)
    return means[labels] + noise * draw[:n] / math.sqrt(dim), labels


def slope(features: Tensor, labels: Tensor, decay: float, weight: Tensor) -> float:
    """‖gradient‖ of the documented objective over λ, which bounds the distance to its minimum."""
    leaf = weight.clone().requires_grad_()
    loss = cross_entropy(features @ leaf.T, labels) + decay / 2 * leaf.square().sum()
    return float(torch.autograd.grad(loss, leaf)[0].norm()) / decay


@pytest.mark.parametrize("noise", [0.3, 5.0])
@pytest.mark.parametrize("decay", [1.0, 1e-2, 1e-4])
def test_agrees_with_scikit_learn(decay: float, noise: float) -> None:
    features, labels = clusters(0, 60, 4, 6, noise)
    peer = LogisticRegression(
        C=1 / (len(features) * decay), fit_intercept=False, tol=1e-12, max_iter=10_000
    ).fit(features.numpy(), labels.numpy())
    weight = regularised_ce(features, labels, decay)
    torch.testing.assert_close(weight, torch.tensor(peer.coef_), rtol=1e-4, atol=1e-4)


@settings(deadline=None, max_examples=20)
@given(
    seed=st.integers(0, 2**31),
    k=st.integers(2, 5),
    noise=st.floats(0, 4),
    decay=st.floats(-8, 2).map(lambda power: 10**power),
)
def test_the_gradient_vanishes(seed: int, k: int, noise: float, decay: float) -> None:
    features, labels = clusters(seed, 30, k, 6, noise)
    weight = regularised_ce(features, labels, decay)
    size = float(weight.norm())
    # Rounding of the softmax in the oracle's gradient is 1e-16 of features of norm 1 to 10, over λ.
    assert slope(features, labels, decay, weight) <= 1e-8 * size + 1e-14 / decay
    torch.testing.assert_close(weight.sum(0), torch.zeros(6).double(), rtol=0, atol=1e-8 * size)


def test_the_start_changes_nothing() -> None:
    features, labels = clusters(1, 40, 3, 5, 0.3)
    cold = regularised_ce(features, labels, 1e-6)
    for start in (regularised_ce(features, labels, 1e-4), torch.ones(3, 5), -cold):
        warm = regularised_ce(features, labels, 1e-6, start=start)
        torch.testing.assert_close(warm, cold, rtol=1e-7, atol=1e-7)


def test_the_path_ends_in_the_direction_of_the_svm() -> None:
    """Rosset, Zhu & Hastie 2003; the angle falls at best like 1/log(1/λ)."""
    features, labels = clusters(2, 60, 4, 8, 0.5)
    limit = hard_margin_svm(features, labels)
    decays = [10.0**-power for power in range(1, 16, 2)]
    weights = [regularised_ce(features, labels, decay) for decay in decays]
    angles = [angle(weight, limit.weight) for weight in weights]
    assert all(later < earlier for earlier, later in pairwise(angles))
    assert angles[-1] < 0.2 * angles[0]
    norms = [float(weight.norm()) for weight in weights]
    growth = (norms[-1] - norms[-3]) / math.log(decays[-3] / decays[-1])
    assert growth * limit.margin == pytest.approx(1, rel=0.2)


def test_on_a_collapsed_simplex_etf_every_decay_has_the_direction_of_the_svm() -> None:
    frame, labels = simplex_etf(5, 6), torch.arange(15) % 5
    for decay in (1.0, 1e-4, 1e-12):
        assert angle(regularised_ce(frame[labels], labels, decay), frame) < 1e-8


def test_inseparable_features_have_a_finite_end() -> None:
    features = torch.tensor([[1.0], [1.0], [1.0], [-1.0]])
    labels = torch.tensor([0, 0, 1, 1])
    weight = regularised_ce(features, labels, 1e-9)
    gap = float(weight[0, 0] - weight[1, 0])
    probability = 1 / (1 + math.exp(-gap))
    # With p the probability of class 0 at h = 1, and of class 1 at h = −1: Σ (p − y) h = 4p − 3.
    assert probability == pytest.approx(3 / 4, abs=1e-8)


def test_low_precision_input_gives_a_plain_double_tensor() -> None:
    features, labels = clusters(3, 20, 3, 4, 0.3)
    weight = regularised_ce(features.float().requires_grad_(), labels.int(), 0.1)
    torch.testing.assert_close(weight, regularised_ce(features.float().double(), labels, 0.1))
    assert weight.dtype == torch.float64
    assert not weight.requires_grad


def test_an_accuracy_out_of_reach_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    features, labels = clusters(4, 20, 3, 4, 0.3)
    monkeypatch.setattr(module, "_ACCURACY", 1e-30)
    monkeypatch.setattr(module, "_ROUNDING", 0.0)
    with pytest.raises(ArithmeticError, match="decay: too small to find the minimiser"):
        regularised_ce(features, labels, 1e-3)


@pytest.mark.parametrize("turn", [0.0, 1e-12, 1e-6, 0.5, 3.0, math.pi])
def test_angles_are_exact_at_any_size(turn: float) -> None:
    first = torch.tensor([[2.0, 0.0]], dtype=torch.float64)
    second = torch.tensor([[math.cos(turn), math.sin(turn)]], dtype=torch.float64)
    assert angle(first, 7 * second) == pytest.approx(turn, rel=1e-9, abs=1e-16)


NAN = float("nan")
X, Y = torch.eye(3), torch.arange(3)


@pytest.mark.parametrize(
    ("features", "labels", "start", "complaint"),
    [
        (torch.ones(3), Y, None, "features: expected 2 dimensions"),
        (torch.full((3, 3), NAN), Y, None, "features: row 0 holds NaN or infinity"),
        (X, Y[:2], None, "labels: got 2 labels for 3 rows"),
        (X, 0 * Y, None, "labels: a margin is between 2 classes, got 1"),
        (X, 2 * Y, None, "labels: no sample of class 1 of 0 to 4"),
        (X, Y, torch.ones(3), "start: expected 2 dimensions"),
        (X, Y, torch.ones(2, 3), r"start: expected \(3, 3\), got \(2, 3\)"),
        (X, Y, torch.full((3, 3), NAN), "start: row 0 holds NaN or infinity"),
    ],
)
def test_bad_input_is_named(
    features: Tensor, labels: Tensor, start: Tensor | None, complaint: str
) -> None:
    with pytest.raises(ValueError, match=f"^{complaint}"):
        regularised_ce(features, labels, 0.1, start=start)


@pytest.mark.parametrize("decay", [0.0, -1.0, NAN, np.inf])
def test_the_decay_is_positive(decay: float) -> None:
    with pytest.raises(ValueError, match="decay: expected a positive finite number"):
        regularised_ce(X, Y, decay)


@pytest.mark.parametrize(
    ("first", "second", "complaint"),
    [
        (torch.zeros(2, 2), torch.ones(2, 2), "first: zero, so it has no direction"),
        (torch.ones(2, 2), torch.zeros(2, 2), "second: zero, so it has no direction"),
        (torch.ones(2, 2), torch.ones(2, 3), r"second: expected \(2, 2\), got \(2, 3\)"),
        (torch.ones(2), torch.ones(2), "first: expected 2 dimensions"),
    ],
)
def test_angles_ask_for_directions(first: Tensor, second: Tensor, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        angle(first, second)
