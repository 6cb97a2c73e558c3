"""The Gaussian bottleneck against direct minimisation, scikit-learn's CCA and closed forms."""

import tracemalloc
import warnings
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.covariance import ledoit_wolf_shrinkage
from sklearn.cross_decomposition import CCA

from ncbook.ib import GaussianBottleneck, _samples, gaussian_information

Array = NDArray[np.float64]
some_examples = settings(deadline=None, max_examples=30)
seeds = st.integers(0, 2**31)
NAN, INF = float("nan"), float("inf")


def normal(seed: int, *shape: int) -> Array:
    return np.random.default_rng(seed).standard_normal(shape)


def orthogonal(seed: int, dim: int) -> Array:
    return np.linalg.qr(normal(seed, dim, dim))[0]


def well_conditioned(seed: int, dim: int, spread: float = 2.0) -> Array:
    """An invertible (d, d) map with singular values between 1/spread and spread."""
    stretch = np.exp(np.random.default_rng(seed).uniform(-1, 1, dim) * np.log(spread))
    return orthogonal(seed + 1, dim) * stretch @ orthogonal(seed + 2, dim)


def covariances(rho: Array, dx: int, dy: int, seed: int = 0) -> tuple[Array, Array, Array]:
    """Σ_X, Σ_Y, Σ_XY of mixtures of canonical variates that have these correlations."""
    mix_x, mix_y = well_conditioned(seed, dx), well_conditioned(seed + 5, dy)
    core = np.zeros((dx, dy))
    np.fill_diagonal(core, rho)
    return mix_x @ mix_x.T, mix_y @ mix_y.T, mix_x @ core @ mix_y.T


def pair(seed: int, n: int = 300, dx: int = 5, dy: int = 4, shared: int = 3) -> tuple[Array, Array]:
    """Samples of two mixtures that share some noisy sources."""
    sources = normal(seed, n, shared)
    x, y = normal(seed + 1, n, dx), normal(seed + 2, n, dy)
    x[:, :shared] += 2 * sources
    y[:, :shared] += sources
    return x @ well_conditioned(seed + 3, dx) + 5, y @ well_conditioned(seed + 4, dy) - 3


# --- correlations ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("dx", "dy"), [(4, 4), (3, 6), (6, 3), (1, 5), (5, 1)])
def test_correlations_are_those_the_covariances_were_made_with(dx: int, dy: int) -> None:
    rho = np.sort(np.random.default_rng(dx).uniform(0, 1, min(dx, dy)))[::-1]
    model = GaussianBottleneck(*covariances(rho, dx, dy))
    np.testing.assert_allclose(model.correlations, rho, rtol=1e-12)
    np.testing.assert_allclose(model.noise_shares, 1 - rho**2, rtol=1e-11)
    np.testing.assert_allclose(model.critical_betas, rho**-2, rtol=1e-11)


@pytest.mark.parametrize(("dx", "dy"), [(5, 4), (4, 5), (4, 4)])
def test_fitted_correlations_agree_with_scikit_learn(dx: int, dy: int) -> None:
    x, y = pair(0, dx=dx, dy=dy)
    peer = CCA(4, max_iter=100_000, tol=1e-14).fit(x, y)
    variates = zip(*(scores.T for scores in peer.transform(x, y)), strict=True)
    expected = [np.corrcoef(u, v)[0, 1] for u, v in variates]
    model = GaussianBottleneck.fit(x, y)
    np.testing.assert_allclose(model.correlations, expected, rtol=1e-7)


def test_fit_agrees_with_the_covariances_of_the_samples() -> None:
    x, y = pair(1)
    joint = np.cov(np.hstack([x, y]).T, bias=True)
    fitted = GaussianBottleneck.fit(x, y)
    given_them = GaussianBottleneck(joint[:5, :5], joint[5:, 5:], joint[:5, 5:])
    np.testing.assert_allclose(fitted.correlations, given_them.correlations, rtol=1e-10)
    a, b = fitted.projection(10.0), given_them.projection(10.0)
    np.testing.assert_allclose(a.T @ a, b.T @ b, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(fitted.mean_x, x.mean(0))


def test_small_correlations_are_not_lost_to_squares() -> None:
    """ρ² of the smallest is below rounding of the largest."""
    rho = np.array([0.999, 0.5, 1e-3, 1e-6, 1e-9, 3e-10, 1e-12])
    noise = 1e-15  # of the covariances' entries
    for dx, dy in ((7, 7), (7, 10), (10, 7)):
        model = GaussianBottleneck(*covariances(rho, dx, dy))
        np.testing.assert_allclose(model.correlations, rho, rtol=1e-10, atol=20 * noise)
        core = np.eye(dx, 7) * rho @ np.eye(7, dy)
        model = GaussianBottleneck(np.eye(dx), np.eye(dy), core)
        np.testing.assert_allclose(model.correlations, rho, rtol=1e-14)
        a = model.projection(1e30)  # as many rows as correlations, each along its axis
        np.testing.assert_allclose(
            np.abs(a / np.linalg.norm(a, axis=1)[:, None]), np.eye(7, dx), atol=1e-6
        )


def test_uncorrelated_views_have_no_transition() -> None:
    model = GaussianBottleneck(np.eye(3), 2 * np.eye(2), np.zeros((3, 2)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert model.correlations.tolist() == [0, 0]
        assert model.critical_betas.tolist() == [INF, INF]
        assert model.information(1e12) == (0, 0)
        assert model.information(INF) == (0, 0)
    assert model.projection(1e12).shape == (0, 3)


@pytest.mark.parametrize(("dx", "dy"), [(9, 6), (6, 9), (6, 6)])
def test_directions_without_correlation_leave_the_others_alone(dx: int, dy: int) -> None:
    rho = np.array([0.999, 0.6, 0, 0, 0, 0])
    cov_x, cov_y, cov_xy = covariances(rho, dx, dy)
    model = GaussianBottleneck(cov_x, cov_y, cov_xy)
    np.testing.assert_allclose(model.correlations[:6], rho, rtol=1e-12, atol=1e-14)
    a = model.projection(20.0)  # (2, dx)
    variance = (a @ cov_x @ a.T).diagonal()
    explained = (a @ cov_xy @ np.linalg.solve(cov_y, cov_xy.T) @ a.T).diagonal()
    np.testing.assert_allclose(explained / variance, rho[:2] ** 2, rtol=1e-12)


@some_examples
@given(seed=seeds, dx=st.integers(1, 5), dy=st.integers(1, 5))
def test_invertible_linear_maps_and_shifts_change_nothing(seed: int, dx: int, dy: int) -> None:
    x, y = pair(seed, n=60, dx=dx, dy=dy, shared=1)
    moved_x = x @ well_conditioned(seed + 10, dx, 10) + 100
    moved_y = y @ well_conditioned(seed + 20, dy, 10) - 1000
    model, moved = GaussianBottleneck.fit(x, y), GaussianBottleneck.fit(moved_x, moved_y)
    np.testing.assert_allclose(moved.correlations, model.correlations, rtol=1e-7, atol=1e-10)
    beta = float(model.critical_betas[0]) * 2
    np.testing.assert_allclose(moved.information(beta), model.information(beta), atol=1e-6)
    t, moved_t = model.transform(x, beta), moved.transform(moved_x, beta)
    np.testing.assert_allclose(moved_t @ moved_t.T, t @ t.T, atol=1e-5)


# --- the optimum ----------------------------------------------------------------------------------


def lagrangian(a: Array, beta: float, cov_x: Array, conditional: Array) -> tuple[float, Array]:
    """I(X;T) − β I(T;Y) of T = A X + ξ and its gradient, from determinants."""
    outer, inner = (a @ cov @ a.T + np.eye(len(a)) for cov in (cov_x, conditional))
    value = (1 - beta) * np.linalg.slogdet(outer)[1] + beta * np.linalg.slogdet(inner)[1]
    slope = (1 - beta) * np.linalg.solve(outer, a @ cov_x)
    slope += beta * np.linalg.solve(inner, a @ conditional)
    return value / 2, slope


def direct_minimum(beta: float, cov_x: Array, conditional: Array) -> tuple[float, Array]:
    """The least Lagrangian over all A, from several starts."""
    dim = len(cov_x)

    def objective(flat: Array) -> tuple[float, Array]:
        value, slope = lagrangian(flat.reshape(dim, dim), beta, cov_x, conditional)
        return value, slope.ravel()

    options = {"maxiter": 5000, "ftol": 1e-15, "gtol": 1e-10}
    found = [
        minimize(objective, start.ravel(), jac=True, method="L-BFGS-B", options=options)
        for start in normal(3, 4, dim, dim)
    ]
    best = min(found, key=lambda result: float(result.fun))
    return float(best.fun), best.x.reshape(dim, dim)


@pytest.mark.parametrize("beta", [0.5, 1.0, 1.2, 1.5, 2.5, 6.0, 30.0])
@pytest.mark.parametrize(("dx", "dy"), [(3, 3), (2, 4), (4, 2)])
def test_direct_minimisation_finds_the_same_optimum(beta: float, dx: int, dy: int) -> None:
    rho = np.array([0.9, 0.7, 0.45])[: min(dx, dy)]  # β_i: 1.23, 2.04, 4.94
    cov_x, cov_y, cov_xy = covariances(rho, dx, dy, seed=2)
    conditional = cov_x - cov_xy @ np.linalg.solve(cov_y, cov_xy.T)
    model = GaussianBottleneck(cov_x, cov_y, cov_xy)
    a = model.projection(beta)
    assert a.shape == ((beta * rho**2 > 1).sum(), dx)
    complexity, relevance = model.information(beta)
    least, minimiser = direct_minimum(beta, cov_x, conditional)
    assert complexity - beta * relevance == pytest.approx(least, abs=1e-9)
    assert lagrangian(a, beta, cov_x, conditional)[0] == pytest.approx(least, abs=1e-9)
    np.testing.assert_allclose(a.T @ a, minimiser.T @ minimiser, atol=2e-4)


@pytest.mark.parametrize("beta", [1.3, 2.0, 5.0, 1e3])
def test_information_is_that_of_the_projection(beta: float) -> None:
    cov_x, cov_y, cov_xy = covariances(np.array([0.95, 0.8, 0.5]), 4, 3)
    model = GaussianBottleneck(cov_x, cov_y, cov_xy)
    conditional = cov_x - cov_xy @ np.linalg.solve(cov_y, cov_xy.T)
    a = model.projection(beta)
    total, left = (
        np.linalg.slogdet(a @ cov @ a.T + np.eye(len(a)))[1] / 2 for cov in (cov_x, conditional)
    )
    assert model.information(beta) == pytest.approx((total, total - left), rel=1e-10)


def test_information_is_the_papers_expression() -> None:
    rho = np.array([0.95, 0.8, 0.5])
    model = GaussianBottleneck(np.eye(3), np.eye(3), np.diag(rho))
    for beta in (1.2, 2.0, 100.0):
        active = rho[beta * rho**2 > 1] ** 2
        complexity = np.log((beta - 1) * active / (1 - active)).sum() / 2
        expected = complexity, complexity - np.log(beta * active).sum() / 2
        assert model.information(beta) == pytest.approx(expected, rel=1e-12)


def test_information_of_many_betas_at_once() -> None:
    model = GaussianBottleneck.fit(*pair(4))
    betas = np.geomspace(0.5, 1e4, 50)
    complexity, relevance = model.information(betas)
    assert complexity.shape == relevance.shape == (50,)
    singly = [model.information(float(beta)) for beta in betas]
    np.testing.assert_array_equal(np.stack([complexity, relevance], 1), singly)
    assert (np.diff(complexity) >= 0).all()
    assert (np.diff(relevance) >= 0).all()
    slopes = np.diff(relevance)[np.diff(complexity) > 0] / np.diff(
        complexity[complexity > 0], prepend=0
    )
    assert (np.diff(slopes) < 1e-9).all()  # the information curve is concave
    everything = gaussian_information(model.noise_shares)
    assert model.information(INF) == (INF, pytest.approx(everything, rel=1e-12))
    assert (relevance <= everything).all()


def test_each_direction_switches_on_continuously_at_its_critical_beta() -> None:
    model = GaussianBottleneck(*covariances(np.array([0.9, 0.6]), 3, 2))
    for i, critical in enumerate(model.critical_betas):
        below, above = (
            model.projection(critical * (1 - 1e-9)),
            model.projection(critical * (1 + 1e-9)),
        )
        assert len(below) == i
        assert len(above) == i + 1
        assert np.linalg.norm(above[i]) < 1e-3
        before, after = model.information([critical * (1 - 1e-9), critical * (1 + 1e-9)])[0]
        assert 0 <= after - before < 1e-8


def test_directions_are_uncorrelated_where_lambda_repeats() -> None:
    cov_x, cov_y, cov_xy = covariances(np.array([0.8, 0.8, 0.8, 0.3, 0.3]), 6, 5)
    model = GaussianBottleneck(cov_x, cov_y, cov_xy)
    a = model.projection(20.0)  # (5, 6)
    np.testing.assert_allclose(model.correlations, [0.8, 0.8, 0.8, 0.3, 0.3], rtol=1e-12)
    spread = a @ cov_x @ a.T
    gains = (20 * model.correlations**2 - 1) / model.noise_shares
    np.testing.assert_allclose(spread, np.diag(gains), atol=1e-11)
    heard = a @ cov_xy @ np.linalg.solve(cov_y, cov_xy.T) @ a.T
    np.testing.assert_allclose(heard, np.diag(gains * model.correlations**2), atol=1e-11)


@pytest.mark.parametrize(("dx", "dy"), [(5, 3), (3, 5)])
def test_transform_is_the_projection_of_centred_samples(dx: int, dy: int) -> None:
    x, y = pair(6, dx=dx, dy=dy)
    model = GaussianBottleneck.fit(x, y)
    fresh = normal(7, 10, dx)
    t = model.transform(fresh, 50.0)
    np.testing.assert_allclose(t, (fresh - x.mean(0)) @ model.projection(50.0).T, atol=1e-12)
    assert model.transform(fresh, 0.9).shape == (10, 0)
    np.testing.assert_allclose(model.transform(x, 50.0).mean(0), 0, atol=1e-12)


# --- near ρ = 1 -----------------------------------------------------------------------------------


def exact_noise_share(x: Array, y: Array) -> float:
    """λ of two columns in rational arithmetic."""
    n = len(x)
    xs, ys = [Fraction(v) for v in x.tolist()], [Fraction(v) for v in y.tolist()]
    mean_x, mean_y = sum(xs) / n, sum(ys) / n
    xx = sum((a - mean_x) ** 2 for a in xs)
    yy = sum((b - mean_y) ** 2 for b in ys)
    xy = sum((a - mean_x) * (b - mean_y) for a, b in zip(xs, ys, strict=True))
    return float(1 - xy**2 / (xx * yy))


@pytest.mark.parametrize("noise", [1e-1, 1e-3, 1e-6, 1e-9, 1e-10, 1e-12])
@pytest.mark.parametrize("offset", [0, 30])
def test_noise_share_of_samples_is_exact_near_one(noise: float, offset: float) -> None:
    x = normal(0, 200, 1)
    y = x + noise * normal(1, 200, 1) + offset
    expected = exact_noise_share(x[:, 0], y[:, 0])
    model = GaussianBottleneck.fit(x, y)
    np.testing.assert_allclose(model.noise_shares, [expected], rtol=2e-3)
    if noise >= 1e-9:
        np.testing.assert_allclose(model.noise_shares, [expected], rtol=1e-6)


@pytest.mark.parametrize("s", [0.0, 1e-20])
def test_graded_noise_shares_are_resolved_in_any_basis(s: float) -> None:
    """λ from 1e-20 to 1e-2 side by side, mixed by random maps."""
    n, noise = 2000, np.array([1e-1, 1e-3, 1e-5, 1e-7, 1e-9, 1e-10])
    x = orthogonal_columns(0, n, 12)
    x, y = x[:, :6], x[:, :6] + noise * x[:, 6:]
    expected = np.sort(noise**2 / (1 + noise**2)) + 2 * s  # the ridge is noise too, in both views
    mixed_x, mixed_y = x @ orthogonal(1, 6), y @ orthogonal(2, 6)
    model = GaussianBottleneck.fit(mixed_x, mixed_y, s)
    np.testing.assert_allclose(model.noise_shares, expected, rtol=1e-3)
    scores = model.transform(mixed_x, 2.0)
    scores /= scores.std(0)
    for i, direction in enumerate(scores.T):  # the i-th is the source with the i-th least noise
        assert abs(direction @ x[:, 5 - i]) / n == pytest.approx(1, abs=1e-6)


def test_noise_shares_survive_ill_conditioned_views() -> None:
    """Σ has condition 1e8, so the first regression on y is good to 1e-8 only."""
    n, noise = 2000, np.array([1e-3, 1e-7, 1e-9])
    columns = orthogonal_columns(0, n, 6)
    x, y = columns[:, :3], columns[:, :3] + noise * columns[:, 3:]
    stretch = np.array([1e-4, 1, 1])
    mixed_x = x @ orthogonal(1, 3) * stretch @ orthogonal(2, 3)
    mixed_y = y @ orthogonal(3, 3) * stretch @ orthogonal(4, 3)
    model = GaussianBottleneck.fit(mixed_x, mixed_y)
    np.testing.assert_allclose(model.noise_shares, np.sort(noise**2), rtol=1e-3)


def orthogonal_columns(seed: int, n: int, dim: int) -> Array:
    """Centred columns of unit variance without any sample correlation."""
    columns = normal(seed, n, dim)
    return np.linalg.qr(columns - columns.mean(0))[0] * np.sqrt(n)


def test_noise_shares_near_one_count_the_ridge() -> None:
    x = orthogonal_columns(0, 500, 4)
    s, noise = 1e-8, 1e-5
    y = x[:, :2] + noise * x[:, 2:]
    rho_squared = (1 - s) ** 2 / (1 + noise**2 - s * noise**2 + s * noise**2)
    model = GaussianBottleneck.fit(x[:, :2], y, s)
    np.testing.assert_allclose(model.noise_shares, 1 - rho_squared, rtol=1e-6)
    assert model.shrinkage == (s, s)


@pytest.mark.parametrize("noise", [1e-3, 1e-6, 1e-9, 1e-11])
def test_noise_share_of_covariances_near_one(noise: float) -> None:
    mix = well_conditioned(0, 4)
    cov = mix @ mix.T
    model = GaussianBottleneck(cov, cov * (1 + noise), cov)
    expected = noise / (1 + noise)
    np.testing.assert_allclose(model.noise_shares, expected, rtol=1e-9, atol=1e-14)
    assert (model.correlations < 1).all()


def test_a_function_of_x_has_infinite_information() -> None:
    x = normal(0, 100, 3)
    cov = np.cov(x.T)
    turn = well_conditioned(1, 3)
    models = [
        GaussianBottleneck.fit(x, x),
        GaussianBottleneck.fit(x, x @ turn),
        GaussianBottleneck(cov, cov, cov),
        GaussianBottleneck(cov, turn.T @ cov @ turn, cov @ turn),
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for model in models:
            assert model.noise_shares.tolist() == [0, 0, 0]
            assert model.critical_betas.tolist() == [1, 1, 1]
            assert model.information(1.001) == (INF, INF)
            assert model.information(1.0) == (0, 0)
            complexity, relevance = model.information([0.5, 2, INF])
            assert complexity.tolist() == relevance.tolist() == [0, INF, INF]
            assert gaussian_information(model.noise_shares) == INF
            assert model.projection(1.0).shape == (0, 3)
            with pytest.raises(ValueError, match="beta: direction 0 has correlation 1"):
                model.projection(1.5)


def test_exact_and_almost_exact_coordinates_are_told_apart() -> None:
    """Both have ρ = 1 to double precision, so that their directions come out mixed at first."""
    x = orthogonal_columns(0, 400, 6)
    y = x[:, :3] + np.array([0, 0, 1e-9]) * x[:, 3:]
    for a, b in ((x[:, :3], y), (x[:, :3] @ orthogonal(1, 3), y)):
        model = GaussianBottleneck.fit(a, b)
        np.testing.assert_allclose(model.noise_shares, [0, 0, 1e-18], rtol=1e-4, atol=1e-29)


def test_one_shared_coordinate_among_noisy_ones() -> None:
    x = normal(0, 400, 3)
    y = np.hstack([x[:, :1], normal(1, 400, 2)])
    model = GaussianBottleneck.fit(x, y)
    assert model.noise_shares[0] == 0
    assert (model.noise_shares[1:] > 0.9).all()
    assert model.information(1.0) == (0, 0)


# --- samples --------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [1, 7, 64])
@pytest.mark.parametrize("shrinkage", [None, 0.2, "ledoit-wolf"])
def test_chunks_change_nothing(
    rows: int, shrinkage: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, y = pair(8)
    y = np.hstack([y, x[:, :1] + 1e-6 * normal(9, 300, 1)])
    whole = GaussianBottleneck.fit(x, y, shrinkage)
    monkeypatch.setattr(_samples, "_CHUNK_ENTRIES", rows * 5)
    chunked = GaussianBottleneck.fit(x, y, shrinkage)
    np.testing.assert_allclose(chunked.correlations, whole.correlations, rtol=1e-11)
    np.testing.assert_allclose(chunked.noise_shares, whole.noise_shares, rtol=1e-7)
    assert chunked.shrinkage == pytest.approx(whole.shrinkage, rel=1e-10)


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int32])
def test_other_dtypes_are_read_in_float64(dtype: type) -> None:
    x, y = ((10 * view).astype(dtype) for view in pair(10))
    model = GaussianBottleneck.fit(x, y)
    doubled = GaussianBottleneck.fit(x.astype(np.float64), y.astype(np.float64))
    np.testing.assert_allclose(model.correlations, doubled.correlations, rtol=1e-13)
    assert model.projection(1e6).dtype == np.float64


def test_torch_tensors_lists_and_strided_arrays_work() -> None:
    x, y = pair(11)
    expected = GaussianBottleneck.fit(x, y)
    for a, b in (
        (torch.tensor(x), torch.tensor(y)),
        (x.tolist(), y.tolist()),
        (np.repeat(x, 2, axis=0)[::2], np.asfortranarray(y)),
    ):
        model = GaussianBottleneck.fit(a, b)
        np.testing.assert_allclose(model.correlations, expected.correlations, rtol=1e-12)


def test_a_large_offset_does_no_harm() -> None:
    x, y = pair(12)
    expected = GaussianBottleneck.fit(x, y).correlations
    moved = GaussianBottleneck.fit(x + 1e7, y - 1e7).correlations
    np.testing.assert_allclose(moved, expected, atol=1e-7)


def test_nothing_given_is_changed() -> None:
    x, y = pair(13)
    kept = x.copy(), y.copy()
    GaussianBottleneck.fit(x, y, "ledoit-wolf").transform(x, 3.0)
    given_them = covariances(np.array([0.5, 0.2]), 3, 2)
    kept_covariances = [cov.copy() for cov in given_them]
    GaussianBottleneck(*given_them)
    for before, after in zip((*kept, *kept_covariances), (x, y, *given_them), strict=True):
        np.testing.assert_array_equal(after, before)


def test_memory_is_less_than_four_matrices(monkeypatch: pytest.MonkeyPatch) -> None:
    dim, n = 500, 1500
    x, y = pair(14, n=n, dx=dim, dy=dim, shared=20)
    monkeypatch.setattr(_samples, "_CHUNK_ENTRIES", 50 * dim)
    GaussianBottleneck.fit(x[:, :5], y[:, :5])  # imports and thread pools
    tracemalloc.start()
    GaussianBottleneck.fit(x, y)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * 8 * dim**2


# --- shrinkage ------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("n", "dx", "dy"), [(200, 5, 4), (30, 20, 3), (10, 30, 30), (50, 1, 1)])
def test_ledoit_wolf_is_that_of_the_joint_samples(seed: int, n: int, dx: int, dy: int) -> None:
    x, y = pair(seed, n=n, dx=dx, dy=dy, shared=1)
    views = [view - view.mean(0) for view in (1000 * x, y)]
    scaled = np.hstack([view / np.sqrt(view.var(0).mean()) for view in views])
    expected = ledoit_wolf_shrinkage(scaled)
    model = GaussianBottleneck.fit(1000 * x, y, "ledoit-wolf")
    assert model.shrinkage == pytest.approx((expected, expected), rel=1e-9)
    fixed = GaussianBottleneck.fit(1000 * x, y, expected)
    np.testing.assert_allclose(model.correlations, fixed.correlations, rtol=1e-9)


@pytest.mark.parametrize("s", [0.0, 0.1, 0.5, 1.0])
def test_shrinkage_moves_the_joint_covariance_towards_its_diagonal_target(s: float) -> None:
    x, y = pair(15)
    joint = (1 - s) * np.cov(np.hstack([x, y]).T, bias=True)
    target = [x.var(0).mean()] * 5 + [y.var(0).mean()] * 4
    joint += s * np.diag(target)
    expected = GaussianBottleneck(joint[:5, :5], joint[5:, 5:], joint[:5, 5:])
    model = GaussianBottleneck.fit(x, y, s)
    np.testing.assert_allclose(model.correlations, expected.correlations, rtol=1e-10, atol=1e-15)
    assert model.shrinkage == (s, s)


def test_shrinkage_makes_few_samples_enough() -> None:
    x, y = normal(0, 20, 50), normal(1, 20, 40)
    x[:, 0] = y[:, 0]
    for shrinkage in (0.3, "ledoit-wolf"):
        model = GaussianBottleneck.fit(x, y, shrinkage)
        assert (model.correlations < 1).all()
        assert np.isfinite(model.information(100.0)).all()


# --- bad input ------------------------------------------------------------------------------------

EYE = np.eye(2)
LOPSIDED = np.array([[1, 0.1], [0.2, 1]])
INDEFINITE = np.array([[1.0, 2], [2, 1]])
SINGULAR = np.ones((2, 2))


@pytest.mark.parametrize(
    ("given_them", "complaint"),
    [
        ((LOPSIDED, EYE, EYE), r"cov_x: not symmetric at entry \(0, 1\)"),
        ((EYE, LOPSIDED, EYE), r"cov_y: not symmetric at entry \(0, 1\)"),
        ((INDEFINITE, EYE, 0 * EYE), "cov_x: not positive definite, from row 1 on"),
        ((EYE, SINGULAR, 0 * EYE), "cov_y: not positive definite, from row 1 on"),
        ((0 * EYE, EYE, 0 * EYE), "cov_x: not positive definite, from row 0 on"),
        ((EYE, EYE, 1.01 * EYE), "cov_xy: squared canonical correlation 1.0201 exceeds 1"),
        ((EYE, EYE, 50 * np.ones((2, 2))), "cov_xy: squared canonical correlation 10000 exceeds 1"),
        ((EYE, EYE, EYE * (1 + 1e-12)), "cov_xy: squared canonical correlation .* exceeds 1"),
        ((np.ones((2, 3)), EYE, EYE), "cov_x: expected a square matrix"),
        ((EYE, EYE, np.zeros((2, 3))), r"cov_xy: expected shape \(2, 2\), got \(2, 3\)"),
        ((np.ones(2), EYE, EYE), "cov_x: expected a non-empty real matrix"),
        ((EYE, np.ones((0, 0)), np.ones((2, 0))), "cov_y: expected a non-empty real matrix"),
        ((EYE, EYE, 1j * EYE), "cov_xy: expected a non-empty real matrix"),
        ((NAN * EYE, EYE, EYE), r"cov_x: entry \(0, 0\) is NaN or infinite"),
        ((EYE, EYE, np.array([[0, 0], [0, INF]])), r"cov_xy: entry \(1, 1\) is NaN or infinite"),
    ],
)
def test_bad_covariances_are_named(given_them: tuple[Array, Array, Array], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        GaussianBottleneck(*given_them)


@pytest.mark.parametrize("side", ["x", "y"])
@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda a: np.where(a == a[3, 1], NAN, a), r"entry \(3, 1\) is NaN or infinite"),
        (lambda a: np.where(a == a[7, 2], -INF, a), r"entry \(7, 2\) is NaN or infinite"),
        (lambda a: a * [1, 0, 1], "column 1 is constant"),
        (lambda a: a * [1, 0, 1] + 0.1, "column 1 is constant"),
        (lambda a: a @ [[1, 0, 1], [0, 1, 1], [0, 0, 0]], "column 2 is a linear combination"),
        (lambda a: a[:, 0], "expected 2 dimensions"),
        (lambda a: a[:, :0], "empty"),
        (lambda a: a + 1j, "expected real numbers"),
        (lambda a: a.astype(object), "expected real numbers"),
    ],
)
def test_bad_samples_are_named(side: str, spoil: object, complaint: str) -> None:
    good = {"x": normal(0, 20, 3), "y": normal(1, 20, 3)}
    assert callable(spoil)
    given_them = good | {side: spoil(good[side])}
    with pytest.raises(ValueError, match=f"^{side}: {complaint}"):
        GaussianBottleneck.fit(**given_them)


def test_samples_must_come_in_pairs_and_be_enough() -> None:
    with pytest.raises(ValueError, match=r"^y: expected 20 rows as x has, got 19"):
        GaussianBottleneck.fit(normal(0, 20, 3), normal(1, 19, 3))
    with pytest.raises(ValueError, match=r"^x: 10 samples of 10 columns .* n > d is needed"):
        GaussianBottleneck.fit(normal(0, 10, 10), normal(1, 10, 2))
    with pytest.raises(ValueError, match=r"^y: 10 samples of 12 columns .* n > d is needed"):
        GaussianBottleneck.fit(normal(0, 10, 2), normal(1, 10, 12), shrinkage=0.0)
    GaussianBottleneck.fit(normal(0, 11, 10), normal(1, 11, 2))


@pytest.mark.parametrize("shrinkage", [-0.1, 1.1, NAN, "oas", [0.1]])
def test_bad_shrinkage_is_named(shrinkage: float) -> None:
    with pytest.raises(ValueError, match=r"^shrinkage: expected None"):
        GaussianBottleneck.fit(*pair(0), shrinkage=shrinkage)


@pytest.mark.parametrize("beta", [0, -1, NAN, -INF])
def test_bad_beta_is_named(beta: float) -> None:
    model = GaussianBottleneck(EYE, EYE, EYE / 2)
    for ask in (model.information, model.projection, lambda beta: model.information([1.0, beta])):
        with pytest.raises(ValueError, match=r"^beta: expected"):
            ask(beta)
    with pytest.raises(ValueError, match=r"^beta: expected a positive finite number"):
        model.projection(INF)


def test_transform_needs_a_fit_and_the_same_columns() -> None:
    with pytest.raises(ValueError, match=r"^x: the mean is not known; make the bottleneck by fit"):
        GaussianBottleneck(EYE, EYE, EYE / 2).transform(normal(0, 5, 2), 2.0)
    model = GaussianBottleneck.fit(*pair(0))
    with pytest.raises(ValueError, match=r"^x: expected 5 columns, got 4"):
        model.transform(normal(0, 5, 4), 2.0)
    with pytest.raises(ValueError, match=r"^x: entry \(0, 0\) is NaN"):
        model.transform(np.full((3, 5), NAN), 2.0)


def test_information_of_two_gaussians() -> None:
    assert gaussian_information([0.5, 0.25, 1]) == pytest.approx(np.log(8) / 2)
    assert str(gaussian_information([1, 1])) == "0.0"
    for bad in ([-0.1], [1.1], [NAN]):
        with pytest.raises(ValueError, match=r"^noise_shares: expected numbers in \[0, 1\]"):
            gaussian_information(bad)
