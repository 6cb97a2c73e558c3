"""The Rademacher complexity against all sign vectors, its bounds, and laws it obeys."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from ncbook.margins import rademacher as module
from ncbook.margins import rademacher_estimate

# The same examples each time: an estimate may be off by 5 standard errors, if rarely.
some_examples = settings(deadline=None, max_examples=40, derandomize=True)
seeds = st.integers(0, 2**31)


def normal(seed: int, n: int, dim: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, dim, generator=generator, dtype=torch.float64)


def fits_of_all_signs(features: Tensor, norm: float) -> list[float]:
    """Λ‖Σ_i σ_i h_i‖/n for each σ of {−1, 1}ⁿ, by loops."""
    rows = features.tolist()
    fits = []
    for signs in itertools.product((-1, 1), repeat=len(rows)):
        total = [
            sum(s * x for s, x in zip(signs, column, strict=True))
            for column in zip(*rows, strict=True)
        ]
        fits.append(norm * math.sqrt(sum(x * x for x in total)) / len(rows))
    return fits


@some_examples
@given(seed=seeds, n=st.integers(1, 8), dim=st.integers(1, 4), norm=st.floats(0.1, 10))
def test_the_estimate_agrees_with_all_signs(seed: int, n: int, dim: int, norm: float) -> None:
    features, draws = normal(seed, n, dim), 4000
    fits = fits_of_all_signs(features, norm)
    exact = sum(fits) / len(fits)
    estimate = rademacher_estimate(features, norm=norm, draws=draws, seed=seed)
    assert abs(estimate.value - exact) <= 5 * estimate.standard_error + 1e-12 * exact
    error = math.sqrt(sum((fit - exact) ** 2 for fit in fits) / len(fits) / draws)
    assert estimate.standard_error == pytest.approx(error, rel=0.2, abs=1e-9 * exact)
    assert estimate.bound / math.sqrt(2) * (1 - 1e-12) <= exact <= estimate.bound * (1 + 1e-12)


@some_examples
@given(seed=seeds, n=st.integers(1, 8), dim=st.integers(1, 4))
def test_each_fit_is_a_supremum_over_classifiers(seed: int, n: int, dim: int) -> None:
    """With one σ nothing is left to chance: no w of norm Λ fits it better, and one as well."""
    features, norm = normal(seed, n, dim), 3.0
    signs = 1 - 2 * (normal(seed + 1, n, 1).squeeze(1) > 0).double()
    signed = signs.unsqueeze(1) * features
    fit = fits_of_all_signs(signed, norm)[-1]  # σ = 1
    others = normal(seed + 2, 50, dim)
    best = torch.cat([others, signed.sum(0, keepdim=True)])
    best *= norm / best.norm(dim=1, keepdim=True)
    values = (best @ features.T * signs).mean(1)
    assert float(values.max()) == pytest.approx(fit, rel=1e-12)
    assert int(values.argmax()) == 50 or dim == 1


@some_examples
@given(seed=seeds, n=st.integers(1, 60), dim=st.integers(1, 10))
def test_the_estimate_lies_between_its_bounds(seed: int, n: int, dim: int) -> None:
    features = normal(seed, n, dim)
    estimate = rademacher_estimate(features, draws=500, seed=seed)
    slack = 5 * estimate.standard_error + 1e-12 * estimate.bound
    assert estimate.bound / math.sqrt(2) - slack <= estimate.value <= estimate.bound + slack
    lengths = [math.sqrt(sum(x * x for x in row)) for row in features.tolist()]
    by_hand = math.sqrt(sum(length**2 for length in lengths)) / n
    assert estimate.bound == pytest.approx(by_hand, rel=1e-12)
    assert estimate.bound <= max(lengths) / math.sqrt(n) * (1 + 1e-12)


@some_examples
@given(seed=seeds, norm=st.floats(1e-3, 1e3), scale=st.floats(1e-3, 1e3))
def test_all_of_it_is_proportional_to_norm_and_features(
    seed: int, norm: float, scale: float
) -> None:
    features = normal(seed, 20, 3)
    one = rademacher_estimate(features, draws=50, seed=seed)
    other = rademacher_estimate(scale * features, norm=norm, draws=50, seed=seed)
    for name in ("value", "standard_error", "bound"):
        expected = norm * scale * getattr(one, name)
        assert getattr(other, name) == pytest.approx(expected, rel=1e-9)


def test_the_extremes_of_the_bound() -> None:
    """Equality for orthogonal features of equal length, any σ; 1/√2 for two copies of one."""
    orthogonal = rademacher_estimate(torch.eye(50), draws=10)
    assert orthogonal.value == pytest.approx(orthogonal.bound, rel=1e-12)
    assert orthogonal.standard_error < 1e-12
    pair = rademacher_estimate(torch.ones(2, 1), draws=4000)
    exact = pair.bound / math.sqrt(2)
    assert abs(pair.value - exact) <= 5 * pair.standard_error
    many = rademacher_estimate(torch.ones(400, 1), draws=4000)
    gaussian = many.bound * math.sqrt(2 / math.pi)  # E|N(0, 1)|, from below as n grows
    assert many.value == pytest.approx(gaussian, abs=5 * many.standard_error)


def test_the_standard_error_falls_with_the_draws() -> None:
    features = normal(0, 30, 3)
    few, many = (rademacher_estimate(features, draws=draws) for draws in (500, 8000))
    assert few.standard_error / many.standard_error == pytest.approx(4, rel=0.15)


def test_chunks_change_nothing_and_seeds_repeat(monkeypatch: pytest.MonkeyPatch) -> None:
    features = normal(0, 30, 3)
    whole = rademacher_estimate(features, draws=101, seed=3)
    assert whole == rademacher_estimate(features, draws=101, seed=3)
    assert whole.value != rademacher_estimate(features, draws=101, seed=4).value
    for entries in (1, 70, 30 * 50):  # 1, 2 and 50 draws at a time; 101 is no multiple of those
        monkeypatch.setattr(module, "_CHUNK_ENTRIES", entries)
        parts = rademacher_estimate(features, draws=101, seed=3)
        assert parts.value == pytest.approx(whole.value, rel=1e-12)
        assert parts.standard_error == pytest.approx(whole.standard_error, rel=1e-12)


def test_low_precision_is_measured_in_float64() -> None:
    features = normal(0, 30, 3).half().requires_grad_()
    expected = rademacher_estimate(features.detach().double(), draws=20)
    assert rademacher_estimate(features, draws=20) == expected


NAN = float("nan")
X = torch.eye(4)


@pytest.mark.parametrize(
    ("features", "options", "complaint"),
    [
        ([[1.0]], {}, "features: expected a torch.Tensor, got list"),
        (X.long(), {}, "features: expected a floating-point dtype"),
        (torch.ones(3), {}, "features: expected 2 dimensions"),
        (torch.ones(0, 3), {}, "features: empty"),
        (X * NAN, {}, "features: row 0 holds NaN or infinity"),
        (X, {"norm": 0.0}, "norm: expected a positive finite number, got 0.0"),
        (X, {"norm": -1.0}, "norm: expected a positive finite number, got -1.0"),
        (X, {"norm": NAN}, "norm: expected a positive finite number"),
        (X, {"norm": math.inf}, "norm: expected a positive finite number"),
        (X, {"draws": 1}, "draws: expected an integer of at least 2, got 1"),
        (X, {"draws": 2.5}, "draws: expected an integer of at least 2, got 2.5"),
        (X, {"seed": -1}, "seed: expected an integer of at least 0, got -1"),
        (X, {"seed": 0.5}, "seed: expected an integer of at least 0, got 0.5"),
    ],
)
def test_bad_input_is_named(features: Tensor, options: dict[str, float], complaint: str) -> None:
    with pytest.raises(ValueError, match=f"^{complaint}"):
        rademacher_estimate(features, **options)
