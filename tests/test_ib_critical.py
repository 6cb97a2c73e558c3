"""What collapse does to the critical β: the symmetric model, its inequality, one-hot labels."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ncbook.collapse import measure_collapse
from ncbook.geometry import centred, simplex_etf
from ncbook.ib import GaussianBottleneck, label_critical_beta, view_critical_beta

Array = NDArray[np.float64]
some_examples = settings(deadline=None, max_examples=40)
seeds = st.integers(0, 2**31)


def normal(seed: int, *shape: int) -> Array:
    return np.random.default_rng(seed).standard_normal(shape)


def between(means: Array) -> Array:
    """Σ_B (d, d)."""
    spread = means - means.mean(0)
    return spread.T @ spread / len(means)


def nc1_of(means: Array, within: Array) -> float:
    """NC1 = tr(Σ_W Σ_B⁺)/k as measure_collapse has it, on samples with exactly these moments."""
    dim = len(within)
    root = np.linalg.cholesky(within) * np.sqrt(dim)
    noise = np.concatenate([root.T, -root.T])  # (2d, d): mean 0, covariance Σ_W
    features = (means[:, None] + noise).reshape(-1, dim)
    labels = torch.arange(len(means)).repeat_interleave(2 * dim)
    return measure_collapse(torch.tensor(features), labels).nc1


@pytest.mark.parametrize("sigma", [1.0, 0.1, 1e-3, 1e-6])
@pytest.mark.parametrize(("k", "dim"), [(2, 1), (3, 5), (10, 9), (10, 20)])
def test_transitions_of_two_views_coincide_where_nc1_says(k: int, dim: int, sigma: float) -> None:
    means = simplex_etf(k, dim).numpy()
    cov, between_classes = between(means) + sigma**2 * np.eye(dim), between(means)
    model = GaussianBottleneck(cov, cov, between_classes)
    expected = view_critical_beta(nc1_of(means, sigma**2 * np.eye(dim)), k)
    b = 1 / (k - 1)  # Σ_B = b P for unit class means
    assert expected == pytest.approx((1 + sigma**2 / b) ** 2, rel=1e-12)
    np.testing.assert_allclose(model.critical_betas[: k - 1], expected, rtol=1e-12)
    np.testing.assert_allclose(
        model.noise_shares[: k - 1], (expected - 1) / expected, rtol=1e-4, atol=1e-14
    )
    assert (model.critical_betas[k - 1 :] > 1e20).all()
    assert len(model.projection(expected * 1.001)) == k - 1
    assert len(model.projection(1 + (expected - 1) * 0.99)) == 0


@pytest.mark.parametrize("sigma", [1.0, 0.1, 1e-3])
@pytest.mark.parametrize(("k", "dim"), [(2, 1), (3, 5), (10, 9), (10, 20)])
def test_transitions_against_one_hot_labels(k: int, dim: int, sigma: float) -> None:
    """One column of the one-hot labels is left out: the others determine it."""
    means, labels = simplex_etf(k, dim).numpy(), np.eye(k)[:, 1:]
    cov = between(means) + sigma**2 * np.eye(dim)
    cross = (means - means.mean(0)).T @ (labels - labels.mean(0)) / k
    model = GaussianBottleneck(cov, between(labels), cross)
    expected = label_critical_beta(nc1_of(means, sigma**2 * np.eye(dim)), k)
    np.testing.assert_allclose(model.critical_betas[: k - 1], expected, rtol=1e-9)


@some_examples
@given(seed=seeds, k=st.integers(2, 5), dim=st.integers(1, 6), scale=st.floats(0.01, 3))
def test_inequality_for_any_means_and_noise(seed: int, k: int, dim: int, scale: float) -> None:
    """mean_i(√β_i − 1) ≤ (k/(k−1)) NC1 with equal Σ_W, where the class means span k − 1."""
    k = min(k, dim + 1)
    means = normal(seed, k, dim)
    factor = scale * normal(seed + 1, dim, dim + 2)
    within = factor @ factor.T
    cov = between(means) + within
    model = GaussianBottleneck(cov, cov, between(means))
    excess = float(np.mean(np.sqrt(model.critical_betas[: k - 1]) - 1))
    bound = np.sqrt(view_critical_beta(nc1_of(means, within), k)) - 1
    assert excess <= bound * (1 + 1e-7)


@pytest.mark.parametrize("mixing", [0.0, 0.3])
def test_equality_if_and_only_if_the_noise_does_not_mix_the_span_of_the_means(
    mixing: float,
) -> None:
    k, dim = 4, 6
    inside, outside = normal(0, k - 1, k - 1), normal(1, dim - k + 1, dim - k + 1)
    within = np.zeros((dim, dim))
    within[: k - 1, : k - 1] = inside @ inside.T + np.eye(k - 1)
    within[k - 1 :, k - 1 :] = outside @ outside.T + np.eye(dim - k + 1)
    within[0, -1] = within[-1, 0] = mixing
    means = np.pad(normal(2, k, k - 1), ((0, 0), (0, dim - k + 1)))
    cov = between(means) + within
    model = GaussianBottleneck(cov, cov, between(means))
    excess = float(np.mean(np.sqrt(model.critical_betas[: k - 1]) - 1))
    bound = k / (k - 1) * nc1_of(means, within)
    if mixing == 0:
        assert excess == pytest.approx(bound, rel=1e-9)
    else:
        assert excess < bound * (1 - 1e-4)


def test_transitions_spread_without_the_etf() -> None:
    means = centred(torch.tensor(normal(3, 5, 4))).numpy()
    cov = between(means) + 0.01 * np.eye(4)
    betas = GaussianBottleneck(cov, cov, between(means)).critical_betas
    assert betas[3] > 1.05 * betas[0]
    expected = (1 + 0.01 / np.sort(np.linalg.eigvalsh(between(means)))[::-1]) ** 2
    np.testing.assert_allclose(betas, expected, rtol=1e-10)


def test_samples_of_the_symmetric_model_follow_the_formula() -> None:
    k, dim, n, sigma = 10, 12, 20_000, 0.1
    labels = np.arange(n) % k
    means = simplex_etf(k, dim).numpy()[labels]
    x, y = (means + sigma * normal(seed, n, dim) for seed in (0, 1))
    nc1 = measure_collapse(torch.tensor(x), torch.tensor(labels)).nc1
    model = GaussianBottleneck.fit(x, y)
    expected = view_critical_beta(nc1, k)  # 1.19
    np.testing.assert_allclose(model.critical_betas[: k - 1], expected, rtol=0.02)
    assert model.critical_betas[k - 1] > 100


def test_full_collapse_switches_everything_on_at_once() -> None:
    assert view_critical_beta(0.0, 10) == label_critical_beta(0, 10) == 1
    assert view_critical_beta(0.9, 10) == pytest.approx(4)
    assert label_critical_beta(0.9, 10) == pytest.approx(2)


@pytest.mark.parametrize("formula", [view_critical_beta, label_critical_beta])
def test_bad_arguments_are_named(formula: object) -> None:
    assert callable(formula)
    for nc1 in (-1e-9, float("nan"), float("inf")):
        with pytest.raises(ValueError, match=r"^nc1: expected a finite number ≥ 0"):
            formula(nc1, 10)
    with pytest.raises(ValueError, match=r"^num_classes: expected at least 2, got 1"):
        formula(0.1, 1)
