"""Linear R² and Procrustes distance: closed forms, scikit-learn, invariances, bad input."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.linear_model import LinearRegression

from ncbook.ib import linear_r2, procrustes_distance

Array = NDArray[np.float64]
some_examples = settings(deadline=None, max_examples=30)
seeds = st.integers(0, 2**31)
NAN = float("nan")


def normal(seed: int, *shape: int) -> Array:
    return np.random.default_rng(seed).standard_normal(shape)


def rotation(seed: int, dim: int) -> Array:
    return np.linalg.qr(normal(seed, dim, dim))[0]


# --- linear R² ------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [50, 5])  # 5 samples of 8 columns: the shortest of many maps
def test_linear_r2_agrees_with_scikit_learn(n: int) -> None:
    x, x_test = normal(0, n, 8) + 3, normal(1, 30, 8) + 3
    weights = normal(2, 8, 4)
    y, y_test = x @ weights + normal(3, n, 4) - 5, x_test @ weights + normal(4, 30, 4) - 5
    predicted = LinearRegression().fit(x, y).predict(x_test)
    expected = 1 - ((y_test - predicted) ** 2).sum() / ((y_test - y.mean(0)) ** 2).sum()
    assert linear_r2(x, y, x_test, y_test) == pytest.approx(expected, rel=1e-9)


def test_linear_r2_of_an_affine_map_is_one() -> None:
    x, x_test = normal(0, 20, 5), normal(1, 10, 5)
    weights, shift = normal(2, 5, 7), normal(3, 7)
    assert linear_r2(x, x @ weights + shift, x_test, x_test @ weights + shift) == pytest.approx(1)
    inputs = (x, x @ weights, x_test, x_test @ weights)
    assert linear_r2(*map(torch.tensor, inputs)) == pytest.approx(1)


def test_linear_r2_of_unrelated_features_is_below_zero() -> None:
    r2 = linear_r2(normal(0, 100, 20), normal(1, 100, 3), normal(2, 5000, 20), normal(3, 5000, 3))
    assert -0.4 < r2 < -0.15  # −p/(n − p − 1) = −0.25 on average


def test_linear_r2_ignores_scale_and_rotation_of_both_sides() -> None:
    x, x_test = normal(0, 60, 5), normal(1, 40, 5)
    y, y_test = np.tanh(x) @ normal(2, 5, 3), np.tanh(x_test) @ normal(2, 5, 3)
    expected = linear_r2(x, y, x_test, y_test)
    turn_x, turn_y = 100 * normal(3, 5, 5), 1e-3 * rotation(4, 3)
    moved = linear_r2(x @ turn_x + 7, y @ turn_y - 2, x_test @ turn_x + 7, y_test @ turn_y - 2)
    assert moved == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("position", "value", "complaint"),
    [
        (0, np.full((10, 3), NAN), r"^source: entry \(0, 0\) is NaN"),
        (1, normal(1, 9, 2), r"^target: expected shape \(10, 2\), got \(9, 2\)"),
        (2, normal(2, 8, 4), r"^source_test: expected shape \(8, 3\), got \(8, 4\)"),
        (3, normal(3, 7, 2), r"^target_test: expected shape \(8, 2\), got \(7, 2\)"),
        (3, normal(3, 8, 1), r"^target_test: expected shape \(8, 2\), got \(8, 1\)"),
        (3, np.ones(8), r"^target_test: expected 2 dimensions"),
    ],
)
def test_linear_r2_names_bad_arguments(position: int, value: Array, complaint: str) -> None:
    arguments = [normal(0, 10, 3), normal(1, 10, 2), normal(2, 8, 3), normal(3, 8, 2)]
    arguments[position] = value
    with pytest.raises(ValueError, match=complaint):
        linear_r2(*arguments)


def test_linear_r2_needs_targets_that_vary() -> None:
    constant = np.ones((10, 2))
    with pytest.raises(ValueError, match=r"^target_test: all rows equal the mean of target"):
        linear_r2(normal(0, 10, 3), constant, normal(1, 10, 3), constant)


# --- Procrustes -----------------------------------------------------------------------------------


@some_examples
@given(seed=seeds, scale=st.floats(1e-3, 1e3))
def test_procrustes_distance_ignores_shift_scale_and_rotation(seed: int, scale: float) -> None:
    x, y = normal(seed, 20, 4), normal(seed + 1, 20, 4)
    assert procrustes_distance(x, scale * x @ rotation(seed, 4) + 9) == pytest.approx(0, abs=1e-12)
    moved = procrustes_distance(scale * x @ rotation(seed, 4) - 1, y + 5)
    assert moved == pytest.approx(procrustes_distance(x, y), rel=1e-9)


@some_examples
@given(seed=seeds, p=st.integers(1, 5), q=st.integers(1, 5))
def test_procrustes_distance_is_what_the_nuclear_norm_leaves(seed: int, p: int, q: int) -> None:
    x, y = normal(seed, 12, p), normal(seed + 1, 12, q)
    a, b = x - x.mean(0), y - y.mean(0)
    shared = np.linalg.norm(a.T @ b, "nuc") / np.linalg.norm(a) / np.linalg.norm(b)
    distance = procrustes_distance(x, y)
    assert distance == pytest.approx(1 - shared**2, rel=1e-9)
    assert distance == pytest.approx(procrustes_distance(y, x), rel=1e-9)
    assert 0 <= distance <= 1


def test_procrustes_distance_of_orthogonal_shapes_is_one() -> None:
    columns = np.linalg.qr(np.hstack([np.ones((10, 1)), normal(0, 10, 4)]))[0][:, 1:]
    assert procrustes_distance(columns[:, :2], columns[:, 2:]) == pytest.approx(1)


def test_procrustes_distance_sees_what_a_linear_map_hides() -> None:
    x = normal(0, 50, 3)
    stretched = x * [1, 10, 100]
    assert linear_r2(x, stretched, x, stretched) == pytest.approx(1)
    assert procrustes_distance(x, stretched) > 0.5


def test_procrustes_distance_names_bad_arguments() -> None:
    x = normal(0, 10, 3)
    for given_them, complaint in (
        ((x, x[1:]), r"^y: expected shape \(10, 3\), got \(9, 3\)"),
        ((np.ones((10, 3)), x), r"^x: all rows are equal"),
        ((x, np.ones((10, 2))), r"^y: all rows are equal"),
        ((x * NAN, x), r"^x: entry \(0, 0\) is NaN or infinite"),
        ((x, x[:, 0]), r"^y: expected 2 dimensions"),
    ):
        with pytest.raises(ValueError, match=complaint):
            procrustes_distance(*given_them)
