"""The stepwise permutation test: against a plain one, its level, its count, its arguments."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.linalg import orth
from scipy.stats import binom

from ncbook.ib import CorrelationTest, GaussianBottleneck, permutation_null

Array = NDArray[np.float64]
NAN = float("nan")


def normal(seed: int, *shape: int) -> Array:
    return np.random.default_rng(seed).standard_normal(shape)


def planted(
    seed: int, n: int, dx: int, dy: int, rho: tuple[float, ...], turn: bool = True
) -> tuple[Array, Array]:
    """Independent Gaussian coordinates but for pairs with the given correlations, then mixed."""
    x, y = normal(seed, n, dx), normal(seed + 1, n, dy)
    for i, r in enumerate(rho):
        y[:, i] = r * x[:, i] + np.sqrt(1 - r**2) * y[:, i]
    if not turn:
        return x, y
    return x @ normal(seed + 2, dx, dx), y @ normal(seed + 3, dy, dy)


def correlations_of(x: Array, y: Array) -> Array:
    """Canonical correlations of centred views, rank-deficient ones too."""
    found: Array = np.linalg.svd(orth(x, 1e-9).T @ orth(y, 1e-9), compute_uv=False)
    return found


def without(view: Array, variates: Array) -> Array:
    return view - variates @ np.linalg.lstsq(variates, view)[0]


@pytest.mark.parametrize(("dx", "dy"), [(4, 4), (3, 5), (5, 3)])
def test_null_is_that_of_views_without_the_directions_before(dx: int, dy: int) -> None:
    x, y = planted(0, 60, dx, dy, (0.9, 0.5))
    test = permutation_null(x, y, permutations=5, seed=3)
    x, y = x - x.mean(0), y - y.mean(0)
    forth, back = GaussianBottleneck.fit(x, y), GaussianBottleneck.fit(y, x)
    np.testing.assert_allclose(test.correlations, forth.correlations, rtol=1e-10)
    generator = np.random.default_rng(3)
    for null in test.null:
        order = generator.permutation(60)
        for i in range(3):
            found_x, found_y = forth.transform(x, 1e9)[:, :i], back.transform(y, 1e9)[:, :i]
            rest_x, rest_y = (without(x, found_x), without(y, found_y)) if i else (x, y)
            expected = correlations_of(rest_x, rest_y[order])[0]
            assert null[i] == pytest.approx(expected, rel=1e-8)


def test_p_values_count_the_null_and_rise() -> None:
    x, y = planted(3, 100, 5, 4, (0.8, 0.3))
    test = permutation_null(x, y, permutations=50)
    assert test.null.shape == (50, 4)
    each = (1 + (test.null >= test.correlations).sum(0)) / 51
    assert each[3] < each[2]  # by chance; it doesn't count
    np.testing.assert_array_equal(test.p_values, np.maximum.accumulate(each))
    assert (np.diff(test.null, axis=1) < 0).all()  # smaller views, smaller correlations
    assert test.p_values[0] == 1 / 51
    assert test.count(0.05) == (test.p_values <= 0.05).sum()


@pytest.mark.parametrize("shared", [0, 1])
def test_level_on_independent_data(shared: int) -> None:
    """The first direction that isn't real: p-values over 200 data sets are uniform."""
    p_values = []
    for seed in range(200):
        x, y = planted(10 * seed, 40, 3, 3, (0.95,) * shared)
        test = permutation_null(x, y, permutations=39, directions=shared + 1, seed=seed)
        p_values.append(test.p_values[shared])
    for level in (0.05, 0.25, 0.5, 0.75):
        rejected = sum(p <= level for p in p_values)
        low, high = binom.ppf([5e-4, 1 - 5e-4], 200, level)
        assert rejected <= high
        if shared == 0:  # later directions may only be tested more cautiously
            assert rejected >= low


@pytest.mark.parametrize(
    ("rho", "count"), [((), 0), ((0.5,), 1), ((0.99, 0.6, 0.5), 3), ((0.9999,) * 9, 9)]
)
def test_count_of_planted_directions(rho: tuple[float, ...], count: int) -> None:
    x, y = planted(2, 500, 20, 15, rho)
    test = permutation_null(x, y, permutations=99)
    assert test.count(0.02) == count
    assert test.p_values[count] > 0.05


def test_whole_views_permuted_would_miss_a_weak_direction_behind_strong_ones() -> None:
    """Against the null of the first direction, which is the highest, the fourth is lost."""
    x, y = planted(25, 200, 20, 20, (0.98, 0.97, 0.96, 0.45))
    test = permutation_null(x, y, permutations=199)
    naive = (1 + (test.null[:, 0] >= test.correlations[3]).sum()) / 200
    assert test.count() == 4
    assert naive > 0.2


def test_same_seed_same_test() -> None:
    x, y = planted(3, 50, 4, 4, ())
    first, again = (permutation_null(x, y, permutations=20, seed=7) for _ in range(2))
    np.testing.assert_array_equal(first.null, again.null)
    other = permutation_null(x, y, permutations=20, seed=8)
    assert (other.null != first.null).any()


def test_only_the_first_directions_if_asked() -> None:
    x, y = planted(4, 80, 6, 5, (0.9, 0.5))
    everything = permutation_null(x, y, permutations=20)
    some = permutation_null(x, y, permutations=20, directions=2)
    np.testing.assert_array_equal(some.null, everything.null[:, :2])
    np.testing.assert_array_equal(some.p_values, everything.p_values[:2])
    np.testing.assert_array_equal(some.correlations, everything.correlations[:2])


def test_shrinkage_allows_fewer_samples_than_columns() -> None:
    x, y = planted(6, 60, 80, 70, (0.9999,), turn=False)
    x[:, 0] *= 20
    y[:, 0] *= 20
    test = permutation_null(x, y, permutations=99, shrinkage="ledoit-wolf", directions=3)
    expected = GaussianBottleneck.fit(x, y, "ledoit-wolf").correlations[:3]
    np.testing.assert_allclose(test.correlations, expected, rtol=1e-10)
    assert test.count(0.02) == 1


def test_ties_with_the_data_count_against_it() -> None:
    """One-hot labels of three pairs: 7 of the 15 pairings share a pair, so reach ρ = 1 too."""
    labels = np.eye(3)[[0, 0, 1, 1, 2, 2]][:, 1:]
    test = permutation_null(labels, labels, permutations=600)
    assert test.correlations == pytest.approx([1, 1])
    assert test.p_values[0] == pytest.approx(7 / 15, abs=0.07)


def test_bad_arguments_are_named() -> None:
    x, y = planted(7, 30, 3, 2, ())
    for change, complaint in (
        ({"permutations": 0}, r"^permutations: expected at least 1, got 0"),
        ({"directions": 3}, r"^directions: expected at least 1 and at most 2, got 3"),
        ({"directions": 0}, r"^directions: expected at least 1 and at most 2, got 0"),
        ({"shrinkage": -1.0}, r"^shrinkage: expected None"),
    ):
        with pytest.raises(ValueError, match=complaint):
            permutation_null(x, y, **change)
    for given_them, complaint in (
        ((x, y[1:]), r"^y: expected 30 rows as x has, got 29"),
        ((x * [1, 0, 1], y), r"^x: column 1 is constant"),
        ((x, y * [NAN, 1]), r"^y: entry \(0, 0\) is NaN or infinite"),
        ((x[:3], y[:3]), r"^x: 3 samples of 3 columns"),
        ((x, y[:, [0, 0]]), r"^y: column 1 is a linear combination"),
    ):
        with pytest.raises(ValueError, match=complaint):
            permutation_null(*given_them)
    for level in (0, 1, NAN):
        with pytest.raises(ValueError, match=r"^level: expected a number between 0 and 1"):
            CorrelationTest(np.ones(1), np.ones((1, 1)), np.ones(1)).count(level)
