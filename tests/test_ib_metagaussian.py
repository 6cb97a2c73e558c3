"""Normal scores and the meta-Gaussian bottleneck: invariances, ties, dropped columns, new data."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import norm

from ncbook.geometry import orthogonal_frame
from ncbook.ib import GaussianBottleneck, MetaGaussianBottleneck, normal_scores

Array = NDArray[np.float64]
some_examples = settings(deadline=None, max_examples=30)
seeds = st.integers(0, 2**31)
NAN, INF = float("nan"), float("inf")


def normal(seed: int, *shape: int) -> Array:
    return np.random.default_rng(seed).standard_normal(shape)


def pair(seed: int, n: int = 200, dx: int = 4, dy: int = 3) -> tuple[Array, Array]:
    x = normal(seed, n, dx)
    return x, x @ normal(seed + 1, dx, dy) + normal(seed + 2, n, dy)


def scores_by_definition(column: Array) -> list[float]:
    """Φ⁻¹ of the average rank by counting."""
    n = len(column)
    ranks = [(column < v).sum() + ((column == v).sum() + 1) / 2 for v in column]
    return [float(norm.ppf(rank / (n + 1))) for rank in ranks]


# --- normal scores --------------------------------------------------------------------------------


@some_examples
@given(seed=seeds, n=st.integers(1, 30), values=st.integers(1, 40))
def test_normal_scores_by_definition_with_ties(seed: int, n: int, values: int) -> None:
    x = np.random.default_rng(seed).integers(0, values, (n, 3)).astype(np.float64)
    expected = np.stack([scores_by_definition(column) for column in x.T], axis=1)
    np.testing.assert_allclose(normal_scores(x), expected, atol=1e-12)


def test_normal_scores_of_three_values() -> None:
    expected = norm.ppf([0.25, 0.75, 0.5])
    np.testing.assert_allclose(normal_scores([[1], [100], [2]])[:, 0], expected, atol=1e-15)
    assert normal_scores(np.ones((5, 1))).tolist() == [[0]] * 5
    assert normal_scores(torch.ones(1, 2)).tolist() == [[0, 0]]


def test_normal_scores_see_order_only() -> None:
    x = normal(0, 50, 3)
    expected = normal_scores(x)
    np.testing.assert_array_equal(normal_scores(np.exp(x)), expected)
    np.testing.assert_array_equal(normal_scores(x**3 - 7), expected)
    np.testing.assert_allclose(normal_scores(-x), -expected, atol=1e-14)


@pytest.mark.parametrize(
    ("x", "complaint"),
    [
        ([[1.0], [NAN]], r"^x: entry \(1, 0\) is NaN or infinite"),
        ([[1.0, INF]], r"^x: entry \(0, 1\) is NaN or infinite"),
        ([1.0, 2.0], r"^x: expected 2 dimensions"),
        ([[]], r"^x: empty"),
        ([["a"]], r"^x: expected real numbers"),
    ],
)
def test_normal_scores_refuse_bad_input(x: Array, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        normal_scores(x)


# --- the bottleneck -------------------------------------------------------------------------------


def test_fit_is_the_gaussian_bottleneck_of_normal_scores() -> None:
    x, y = pair(0)
    for shrinkage in (None, 0.1, "ledoit-wolf"):
        model = MetaGaussianBottleneck.fit(x, y, shrinkage)
        expected = GaussianBottleneck.fit(normal_scores(x), normal_scores(y), shrinkage)
        np.testing.assert_array_equal(model.correlations, expected.correlations)
        np.testing.assert_array_equal(model.projection(50.0), expected.projection(50.0))
        assert model.information(50.0) == expected.information(50.0)
        assert model.shrinkage == expected.shrinkage
    assert model.dropped == (0, 0)


@some_examples
@given(seed=seeds)
def test_monotone_maps_of_coordinates_change_nothing(seed: int) -> None:
    x, y = pair(seed, n=60)
    model = MetaGaussianBottleneck.fit(x, y)
    warped_x = np.stack(
        [np.exp(x[:, 0]), x[:, 1] ** 3, np.arctan(x[:, 2]), 5 * x[:, 3] - 2], axis=1
    )
    warped = MetaGaussianBottleneck.fit(warped_x, np.sinh(y))
    np.testing.assert_array_equal(warped.correlations, model.correlations)
    np.testing.assert_array_equal(warped.transform(warped_x, 5.0), model.transform(x, 5.0))
    falling = MetaGaussianBottleneck.fit(-x, y)
    np.testing.assert_allclose(falling.correlations, model.correlations, rtol=1e-10)


def test_a_gaussian_copula_with_other_marginals_keeps_its_information() -> None:
    """Two lognormal variables: the raw correlation differs, the scores have the true one."""
    rho, n = 0.8, 100_000
    x = normal(1, n, 1)
    y = rho * x + np.sqrt(1 - rho**2) * normal(2, n, 1)
    meta = MetaGaussianBottleneck.fit(np.exp(2 * x), np.exp(2 * y))
    raw = GaussianBottleneck.fit(np.exp(2 * x), np.exp(2 * y))
    assert meta.correlations[0] == pytest.approx(rho, abs=0.005)
    assert raw.correlations[0] < 0.6  # (e^{4ρ} − 1)/(e⁴ − 1) = 0.44 in the limit


def test_ranks_blow_up_the_noise_of_collapsed_features() -> None:
    """Axis-aligned orthogonal frame: on raw features β_c is nearly 1, on scores far from it."""
    k, n, sigma = 10, 20_000, 1e-3
    means = np.asarray(orthogonal_frame(k, k))[np.arange(n) % k]
    views = [means + sigma * normal(seed, n, k) for seed in (0, 1)]
    raw, meta = (model.fit(*views) for model in (GaussianBottleneck, MetaGaussianBottleneck))
    b = 1 / k  # Σ_B = b P
    assert raw.critical_betas[k - 2] == pytest.approx((1 + sigma**2 / b) ** 2, abs=1e-5)
    assert raw.critical_betas[0] < 1.0001
    assert 6.5 < meta.critical_betas[0] < meta.critical_betas[k - 2] < 8.5


def test_constant_columns_are_dropped_and_counted() -> None:
    x, y = pair(3)
    padded_x = np.insert(x, [0, 2, 4], 7.0, axis=1)  # columns 0, 3 and 6
    padded_y = np.insert(y, 1, 0.0, axis=1)
    model, padded = MetaGaussianBottleneck.fit(x, y), MetaGaussianBottleneck.fit(padded_x, padded_y)
    assert padded.dropped == (3, 1)
    np.testing.assert_array_equal(padded.correlations, model.correlations)
    assert padded.projection(10.0).shape[1] == 4
    fresh = normal(4, 20, 4)
    fresh_padded = np.insert(fresh, [0, 2, 4], normal(5, 20, 1), axis=1)
    np.testing.assert_array_equal(
        padded.transform(fresh_padded, 10.0), model.transform(fresh, 10.0)
    )


def test_ties_as_a_relu_makes_them() -> None:
    x, y = pair(6, n=500)
    x, y = np.maximum(x, 0), np.maximum(y, 0)
    model = MetaGaussianBottleneck.fit(x, y)
    expected = GaussianBottleneck.fit(normal_scores(x), normal_scores(y))
    np.testing.assert_array_equal(model.correlations, expected.correlations)
    t, again = model.transform(x, 30.0), expected.transform(normal_scores(x), 30.0)
    np.testing.assert_array_equal(t, again)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
def test_the_training_sample_gets_its_own_scores(dtype: type) -> None:
    x, y = pair(7)
    x = (3 * x).astype(dtype)
    model = MetaGaussianBottleneck.fit(x, y)
    scores = normal_scores(x)
    expected = (scores - model.mean_x) @ model.projection(20.0).T
    np.testing.assert_array_equal(model.transform(x, 20.0), expected)


def test_new_samples_go_through_the_training_marginals() -> None:
    x = np.array([[0.0], [1], [1], [3], [10]])  # average ranks 1, 2.5, 2.5, 4, 5 of 5
    y = np.array([[0.0], [2], [1], [3], [4]])
    model = MetaGaussianBottleneck.fit(x, y)
    fresh = np.array([[-100.0], [0], [0.5], [1], [2], [10], [1e9]])
    ranks = np.array([1, 1, 1.75, 2.5, 3.25, 5, 5])
    expected = (norm.ppf(ranks / 6) - normal_scores(x).mean()) * model.projection(9.0)[0, 0]
    np.testing.assert_allclose(model.transform(fresh, 9.0)[:, 0], expected, atol=1e-14)


def test_transform_is_monotone_in_each_coordinate() -> None:
    x, y = pair(8, dx=1, dy=1)
    model = MetaGaussianBottleneck.fit(x, y)
    t = model.transform(np.linspace(-5, 5, 1001)[:, None], 1e3)[:, 0]
    assert (np.diff(t) * np.sign(t[-1] - t[0]) >= 0).all()


def test_later_changes_of_the_training_data_do_no_harm() -> None:
    x, y = pair(9)
    model = MetaGaussianBottleneck.fit(x, y)
    fresh = normal(10, 5, 4)
    before = model.transform(fresh, 10.0)
    x[:] = 0
    np.testing.assert_array_equal(model.transform(fresh, 10.0), before)


# --- bad input ------------------------------------------------------------------------------------


def test_bad_samples_are_named() -> None:
    x, y = pair(11)
    fit = MetaGaussianBottleneck.fit
    with pytest.raises(ValueError, match=r"^y: every column is constant"):
        fit(x, np.ones((200, 2)))
    with pytest.raises(ValueError, match=r"^x: entry \(2, 1\) is NaN or infinite"):
        fit(np.where(x == x[2, 1], NAN, x), y)
    with pytest.raises(ValueError, match=r"^y: expected 200 rows as x has, got 199"):
        fit(x, y[1:])
    with pytest.raises(ValueError, match=r"^x: 4 samples of 4 columns .* n > d is needed"):
        fit(x[:4], y[:4])
    with pytest.raises(ValueError, match=r"^x: column 1 is a linear combination"):
        fit(np.stack([x[:, 0], np.exp(x[:, 0])], axis=1), y)  # the same ranks
    with pytest.raises(ValueError, match=r"^shrinkage: expected None"):
        fit(x, y, shrinkage=2)


def test_transform_needs_a_fit_and_the_same_columns() -> None:
    eye = np.eye(2)
    with pytest.raises(ValueError, match=r"^x: the marginals are not known"):
        MetaGaussianBottleneck(eye, eye, eye / 2).transform(normal(0, 5, 2), 2.0)
    model = MetaGaussianBottleneck.fit(*pair(12))
    with pytest.raises(ValueError, match=r"^x: expected 4 columns, got 5"):
        model.transform(normal(0, 5, 5), 2.0)
    with pytest.raises(ValueError, match=r"^x: entry \(0, 0\) is NaN"):
        model.transform(np.full((1, 4), NAN), 2.0)
