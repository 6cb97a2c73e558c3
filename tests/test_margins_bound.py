"""The margin bound term by term, and whether it holds."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from ncbook.geometry import simplex_etf
from ncbook.margins import best_gamma, margin_bound, regularised_ce

some_examples = settings(deadline=None, max_examples=25)
seeds = st.integers(0, 2**31)


def sample(seed: int, n: int = 40, k: int = 3, dim: int = 4) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    draw = torch.randn(n + k, dim, generator=generator, dtype=torch.float64)
    labels = torch.cat([torch.arange(k), torch.randint(k, (n - k,), generator=generator)])
    return draw[:n] + draw[n:][labels], labels, draw[n:]


def unit_margins(features: Tensor, labels: Tensor, weight: Tensor, i: int, j: int) -> list[float]:
    w = weight[i] - weight[j]
    return [
        float(w @ h) / (float(w.norm()) * float(h.norm()))
        for h, y in zip(features, labels.tolist(), strict=True)
        if y == i
    ]


@some_examples
@given(
    seed=seeds,
    k=st.integers(2, 4),
    gamma=st.floats(0.01, 0.99),
    delta=st.floats(1e-6, 0.9),
)
def test_every_term_agrees_with_its_formula(seed: int, k: int, gamma: float, delta: float) -> None:
    features, labels, weight = sample(seed, k=k)
    bound = margin_bound(features, labels, weight, gamma, delta=delta)
    errors = []
    for i in range(k):
        n, error = int((labels == i).sum()), 0.0
        for j in (j for j in range(k) if j != i):
            margins = unit_margins(features, labels, weight, i, j)
            share = sum(margin <= gamma for margin in margins) / n
            complexity = 4 / gamma / math.sqrt(n)
            log_log = math.sqrt(math.log(math.log2(2 / gamma)) / n)
            confidence = math.sqrt(math.log(2 * k * (k - 1) / delta) / (2 * n))
            pair = share + complexity + log_log + confidence
            found = [
                bound.share, bound.complexity, bound.log_log, bound.confidence, bound.pairs
            ]  # fmt: skip
            expected = [share, complexity, log_log, confidence, pair]
            assert [float(term[i, j]) for term in found] == pytest.approx(
                expected, rel=1e-12, abs=1e-7
            )
            error += pair
        assert float(bound.classes[i]) == pytest.approx(error, rel=1e-12)
        errors.append(error)
    assert bound.total == pytest.approx(sum(errors) / k, rel=1e-12)
    assert not bound.pairs.diagonal().any()
    priors = torch.arange(1, k + 1) / (k * (k + 1) / 2)  # float32
    weighted = margin_bound(features, labels, weight, gamma, delta=delta, priors=priors)
    expected_total = sum(float(p) * e for p, e in zip(priors.double(), errors, strict=True))
    assert weighted.total == pytest.approx(expected_total, rel=1e-6)


def test_perfect_margins_of_an_etf_still_give_a_vacuous_bound() -> None:
    frame, labels = simplex_etf(10, 9), torch.arange(10).repeat_interleave(5000)
    margin = math.sqrt(10 / 18)  # (w_i − w_j)·h/‖w_i − w_j‖ at the vertices
    bound = margin_bound(frame[labels], labels, frame, margin * (1 - 1e-9))
    assert round(bound.total, 3) == 1.016
    assert not bound.share.any()
    assert margin_bound(frame[labels], labels, frame, margin * (1 + 1e-9)).share.sum() == 90


def test_a_margin_that_is_just_met_counts_as_missed() -> None:
    features, labels = torch.tensor([[1.0, 0.0], [-1.0, 0.0]]), torch.tensor([0, 1])
    bound = margin_bound(features, labels, features, 1.0)
    assert bound.share.sum() == 2


@some_examples
@given(seed=seeds, scale=st.floats(1e-3, 1e3))
def test_lengths_of_features_and_weight_change_nothing(seed: int, scale: float) -> None:
    features, labels, weight = sample(seed)
    lengths = torch.rand(len(features), 1, dtype=torch.float64) + 0.1
    one = margin_bound(features, labels, weight, 0.3)
    other = margin_bound(lengths * features, labels, scale * weight + 1, 0.3)
    torch.testing.assert_close(one.pairs, other.pairs)


@some_examples
@given(seed=seeds, k=st.integers(2, 4))
def test_the_best_margins_are_those_of_an_exhaustive_search(seed: int, k: int) -> None:
    features, labels, weight = sample(seed, n=300, k=k)
    grid = torch.linspace(0.05, 1, 20)
    best = best_gamma(features, labels, weight, grid, delta=0.1)
    bounds = [margin_bound(features, labels, weight, float(g), delta=0.1).pairs for g in grid]
    least = torch.stack(bounds).amin(0)
    torch.testing.assert_close(margin_bound(features, labels, weight, best, delta=0.1).pairs, least)
    assert best.diagonal().eq(1).all()


def drawn(seed: int, n: int, dim: int) -> tuple[Tensor, Tensor]:
    """Two overlapping classes, n samples each, at ±0.8 on the first axis of unit normal noise."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(2 * n) % 2
    features = torch.randn(2 * n, dim, generator=generator, dtype=torch.float64)
    features[:, 0] += 0.8 * (1 - 2 * labels)
    return features, labels


def true_errors(weight: Tensor) -> list[float]:
    """P_i(γ_ij(x) ≤ 0) of both classes: features are normal, so is (w_i − w_j)·h."""
    w = weight[0] - weight[1]
    error = 0.5 * math.erfc(float(0.8 * w[0] / w.norm()) / math.sqrt(2))
    return [error, error]


def test_the_bound_holds_as_often_as_it_promises() -> None:
    grid, failures, least = torch.linspace(0.05, 1, 20), 0, math.inf
    for seed in range(40):
        features, labels = drawn(seed, 2000, 3)
        weight = regularised_ce(features, labels, 1e-3)
        gammas = best_gamma(features, labels, weight, grid, delta=0.2)
        bound = margin_bound(features, labels, weight, gammas, delta=0.2)
        failures += any(
            error > limit for error, limit in zip(true_errors(weight), bound.classes, strict=True)
        )
        least = min(least, bound.total)
    assert failures <= 0.2 * 40
    assert least < 0.9  # it says something


def test_the_training_error_alone_is_no_bound() -> None:
    """What the other terms are for: the same experiment with a sample that can be fitted."""
    exceeded = 0
    for seed in range(10):
        features, labels = drawn(seed, 15, 40)
        weight = regularised_ce(features, labels, 1e-3)
        share = margin_bound(features, labels, weight, 1e-6).share
        exceeded += true_errors(weight)[0] > float(share[0, 1])
    assert exceeded == 10


NAN = float("nan")
X, Y, W = torch.eye(4), torch.tensor([0, 1, 0, 1]), torch.eye(2, 4)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"features": torch.ones(4)}, "features: expected 2 dimensions"),
        ({"features": torch.eye(4, 3)}, "features: expected dim 4, got 3"),
        ({"features": torch.diag(torch.tensor([1.0, 1, 0, 1]))}, "features: row 2 is zero"),
        ({"features": X * NAN}, "features: row 0 holds NaN or infinity"),
        ({"labels": Y[:3]}, "labels: got 3 labels for 4 rows"),
        ({"labels": Y + 1}, "labels: expected 0 to 1, got 2"),
        ({"labels": 0 * Y}, "labels: no sample of class 1 of 0 to 1"),
        ({"weight": W[:1]}, "weight: a margin is between 2 classes, got 1 row"),
        ({"weight": torch.ones(2, 4)}, "weight: rows 0 and 1 are equal"),
        ({"gamma": 0.0}, r"gamma: expected values in \(0, 1\].*got 0.0"),
        ({"gamma": -0.1}, r"gamma: expected values in \(0, 1\]"),
        ({"gamma": 1.1}, r"gamma: expected values in \(0, 1\].*got 1.1"),
        ({"gamma": NAN}, r"gamma: expected values in \(0, 1\]"),
        ({"gamma": torch.ones(3, 3)}, r"gamma: expected shape \(2, 2\), got \(3, 3\)"),
        ({"gamma": torch.full((2, 2), -1.0)}, r"gamma: expected values in \(0, 1\]"),
        ({"delta": 0.0}, r"delta: expected a probability in \(0, 1\), got 0.0"),
        ({"delta": 1.0}, r"delta: expected a probability in \(0, 1\), got 1.0"),
        ({"delta": NAN}, r"delta: expected a probability in \(0, 1\)"),
        ({"priors": torch.ones(3) / 3}, r"priors: expected a tensor of shape \(2,\)"),
        ({"priors": [0.5, 0.5]}, r"priors: expected a tensor of shape \(2,\)"),
        ({"priors": torch.ones(2)}, "priors: expected non-negative numbers that sum to 1"),
        ({"priors": torch.tensor([1.5, -0.5])}, "priors: expected non-negative numbers"),
        ({"priors": torch.tensor([NAN, 1])}, "priors: expected non-negative numbers"),
    ],
)
def test_bad_input_is_named(changes: dict[str, object], complaint: str) -> None:
    arguments = {"features": X, "labels": Y, "weight": W, "gamma": 0.5} | changes
    with pytest.raises(ValueError, match=f"^{complaint}"):
        margin_bound(**arguments)


@pytest.mark.parametrize(
    ("grid", "complaint"),
    [
        (torch.ones(0), "grid: expected a non-empty 1-D tensor"),
        (torch.ones(2, 2), "grid: expected a non-empty 1-D tensor"),
        ([0.5], "grid: expected a non-empty 1-D tensor"),
        (torch.tensor([0.5, 0]), r"grid: expected values in \(0, 1\]"),
        (torch.tensor([0.5, NAN]), r"grid: expected values in \(0, 1\]"),
    ],
)
def test_bad_grids_are_named(grid: Tensor, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        best_gamma(X, Y, W, grid)
    with pytest.raises(ValueError, match="delta: expected a probability"):
        best_gamma(X, Y, W, torch.tensor([0.5]), delta=2)
