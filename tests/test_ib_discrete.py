"""The discrete bottleneck against loops, dit, SciPy, brute force, closed forms and known values."""

import itertools
import math
from collections.abc import Iterator

import dit
import numpy as np
import pytest
import torch
from dit.divergences import hypercontractivity_coefficient, maximum_correlation
from dit.rate_distortion import InformationBottleneck
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar
from scipy.special import logsumexp, rel_entr, softmax
from scipy.stats import entropy as scipy_entropy

from ncbook.ib import (
    anneal,
    blahut_arimoto,
    entropy,
    information_curve,
    maximal_correlation,
    mutual_information,
    onset,
    splitting_betas,
    stability_threshold,
)

Array = NDArray[np.float64]

some_examples = settings(deadline=None, max_examples=30)
few_examples = settings(deadline=None, max_examples=8)
seeds = st.integers(0, 2**31)
sizes = st.integers(1, 5)
HARD, SHARP = math.inf, 1e6


def random_joint(seed: int, inputs: int, outputs: int, concentration: float = 0.5) -> Array:
    draws = np.random.default_rng(seed).dirichlet([concentration] * (inputs * outputs))
    return draws.reshape(inputs, outputs)


def random_encoder(seed: int, clusters: int, inputs: int) -> Array:
    return np.random.default_rng(seed).dirichlet([1.0] * clusters, inputs).T


def binary_symmetric(noise: float, first: float) -> Array:
    channel = np.array([[1 - noise, noise], [noise, 1 - noise]])
    return np.array([first, 1 - first])[:, None] * channel


def binary_entropy(p: float) -> float:
    return float(scipy_entropy([p, 1 - p]))


def nats(joint: Array, encoder: Array) -> tuple[float, float]:
    """I(X;T) and I(T;Y) by the definition, in loops."""
    p_x, p_y = joint.sum(1), joint.sum(0)
    complexity = relevance = 0.0
    for row in encoder:
        weight = sum(row * p_x)
        for x, q in enumerate(row):
            if q > 0:
                complexity += p_x[x] * q * math.log(q / weight)
        for y, p in enumerate(row @ joint):
            if p > 0:
                relevance += p * math.log(p / (weight * p_y[y]))
    return complexity, relevance


def plain_update(joint: Array, encoder: Array, beta: float) -> Array:
    """The self-consistent equations as they stand."""
    p_x = joint.sum(1)
    weights = encoder @ p_x
    decoder = encoder @ joint / weights[:, None]
    channel = joint / p_x[:, None]
    divergence = rel_entr(channel[None], decoder[:, None]).sum(2)  # (T, X)
    return softmax(np.log(weights)[:, None] - beta * divergence, axis=0)


def as_dit(joint: Array) -> dit.Distribution:
    cells = list(itertools.product(*map(range, joint.shape)))
    return dit.Distribution([f"{x}{y}" for x, y in cells], [joint[cell] for cell in cells])


def hard_clusterings(inputs: int, clusters: int) -> Iterator[Array]:
    for labels in itertools.product(range(clusters), repeat=inputs):
        yield np.eye(clusters)[list(labels)].T


# --- information ----------------------------------------------------------------------------------


@some_examples
@given(seed=seeds, inputs=sizes, outputs=sizes, concentration=st.sampled_from([0.05, 1.0]))
def test_information_agrees_with_dit(
    seed: int, inputs: int, outputs: int, concentration: float
) -> None:
    joint = random_joint(seed, inputs, outputs, concentration)
    flat = joint.ravel()
    assert entropy(flat) == pytest.approx(float(scipy_entropy(flat)), abs=1e-13)
    bits = dit.shannon.mutual_information(as_dit(joint), [0], [1])
    assert mutual_information(joint) == pytest.approx(bits * math.log(2), abs=1e-12)
    assert (
        0 <= mutual_information(joint) <= min(entropy(joint.sum(0)), entropy(joint.sum(1))) + 1e-12
    )


def test_information_of_zeros_and_of_probabilities_whose_products_underflow() -> None:
    assert entropy([1.0, 0.0]) == 0
    assert entropy(np.full(8, 1 / 8)) == pytest.approx(math.log(8))
    assert mutual_information([[0.5, 0.0, 0.0], [0.0, 0.5, 0.0]]) == pytest.approx(math.log(2))
    assert mutual_information([[0.5, 0.5], [0.0, 0.0]]) == 0
    assert mutual_information([[1.0, 0.0], [0.0, 1e-200]]) == pytest.approx(0, abs=1e-190)


# --- stationary points ----------------------------------------------------------------------------


@some_examples
@given(
    seed=seeds,
    inputs=sizes,
    outputs=sizes,
    clusters=sizes,
    beta=st.floats(0.1, 50),
)
def test_a_result_at_rest_solves_the_self_consistent_equations(
    seed: int, inputs: int, outputs: int, clusters: int, beta: float
) -> None:
    joint = random_joint(seed, inputs, outputs)
    found = blahut_arimoto(joint, beta, num_clusters=clusters, seed=seed)
    assert found.residual <= 1e-10
    in_use = found.weights > 1e-200
    updated = plain_update(joint, found.encoder[in_use], beta)
    np.testing.assert_allclose(found.encoder[in_use], updated, rtol=0, atol=1e-8)
    np.testing.assert_allclose(found.encoder.sum(0), 1, rtol=1e-12)
    np.testing.assert_allclose(found.weights, found.encoder @ joint.sum(1), atol=1e-14)
    np.testing.assert_allclose(
        found.weights[:, None] * found.decoder, found.encoder @ joint, atol=1e-14
    )
    complexity, relevance = nats(joint, found.encoder)
    assert found.complexity == pytest.approx(complexity, abs=1e-12)
    assert found.relevance == pytest.approx(relevance, abs=1e-12)
    assert found.objective == found.complexity - beta * found.relevance


@some_examples
@given(
    seed=seeds,
    inputs=sizes,
    outputs=sizes,
    beta=st.sampled_from([0.3, 1.0, 2.0, 10.0, 1000.0]),
    concentration=st.sampled_from([0.1, 1.0]),
)
def test_the_objective_never_rises(
    seed: int, inputs: int, outputs: int, beta: float, concentration: float
) -> None:
    joint = random_joint(seed, inputs, outputs, concentration)
    start = random_encoder(seed, inputs, inputs)
    path = [
        blahut_arimoto(joint, beta, start=start, max_iterations=rounds).objective
        for rounds in range(12)
    ]
    complexity, relevance = nats(joint, start)
    assert path[0] == pytest.approx(complexity - beta * relevance, abs=1e-12 * (1 + beta))
    assert max(np.diff(path)) <= 1e-14 * (1 + beta)


def test_hard_clusters_never_lose_relevance() -> None:
    joint = random_joint(3, 60, 6)
    path = [
        blahut_arimoto(joint, HARD, num_clusters=8, seed=1, max_iterations=rounds).relevance
        for rounds in range(1, 8)
    ]
    assert min(np.diff(path)) >= -1e-15
    assert path[-1] > path[0] + 1e-3


@some_examples
@given(
    seed=seeds,
    inputs=sizes,
    outputs=sizes,
    beta=st.sampled_from([1e-3, 0.7, 1.0, 3.0, 300.0, SHARP, 1e300, HARD]),
    concentration=st.sampled_from([0.003, 0.1, 1.0]),
)
def test_zeros_tiny_probabilities_and_dying_clusters_leave_no_nan(
    seed: int, inputs: int, outputs: int, beta: float, concentration: float
) -> None:
    joint = random_joint(seed, inputs, outputs, concentration)
    joint[0] = np.where(joint[0] > 0, 1e-290, 0)
    joint[0, 0] = 1e-290
    joint /= joint.sum()
    start = random_encoder(seed, inputs + 2, inputs)
    start[-1], start[-2] = 0, 1e-300  # an empty cluster and one that is nearly so
    start /= start.sum(0)
    with np.errstate(all="raise", under="ignore"):
        found = blahut_arimoto(joint[joint.sum(1) > 0], beta, start=start[:, joint.sum(1) > 0])
    for values in (found.encoder, found.decoder, found.weights):
        assert np.isfinite(values).all()
    assert found.weights[-1] == 0
    np.testing.assert_allclose(found.decoder[-1], joint.sum(0))
    np.testing.assert_allclose(found.decoder.sum(1), 1, rtol=1e-12)
    limit = min(found.complexity, mutual_information(joint))
    assert 0 <= found.relevance <= limit + 1e-12


def test_a_cluster_far_below_the_smallest_float_grows_again() -> None:
    joint = binary_symmetric(0.1, 0.5)
    with np.errstate(under="ignore"):
        start = np.array([[1.0, 1.0], [1e-308, 2e-308]])
    found = blahut_arimoto(joint, 5.0, start=start / start.sum(0))
    assert found.relevance == pytest.approx(information_curve(joint, [5.0]).relevance[0], abs=1e-9)


def test_rounds_that_run_out_leave_a_residual_above_the_tolerance() -> None:
    joint = random_joint(0, 6, 4)
    assert blahut_arimoto(joint, 4.0, max_iterations=1).residual > 1e-6
    assert blahut_arimoto(joint, 4.0, max_iterations=1).iterations == 1
    assert blahut_arimoto(joint, 4.0, max_iterations=0).residual == math.inf


# --- the best solution, against independent minimisers --------------------------------------------


def least_lagrangian(joint: Array, beta: float, starts: int) -> float:
    """L-BFGS over softmax-parametrised encoders with |T| = |X|."""
    inputs = len(joint)
    generator = np.random.default_rng(0)
    p_x, p_y = joint.sum(1), joint.sum(0)

    def objective(flat: Array) -> tuple[float, Array]:
        logits = flat.reshape(inputs, inputs)
        logs = logits - logsumexp(logits, axis=0)
        encoder = np.exp(logs)
        weights, outputs = encoder @ p_x, encoder @ joint  # p(t), p(t, y)
        log_ratio = np.log(outputs / np.outer(weights, p_y))
        value = (p_x * encoder * (logs - np.log(weights)[:, None])).sum()
        value -= beta * (outputs * log_ratio).sum()
        slope = p_x * (logs - np.log(weights)[:, None]) - beta * log_ratio @ joint.T
        return value, (encoder * (slope - (encoder * slope).sum(0))).ravel()

    found = [
        minimize(
            objective,
            scale * generator.standard_normal(inputs**2),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": 500, "ftol": 1e-15, "gtol": 1e-9},
        ).fun
        for scale in np.linspace(0.5, 4, starts)
    ]
    return min(found)


@few_examples
@given(seed=seeds, inputs=st.integers(2, 4), outputs=st.integers(2, 4), beta=st.floats(1.1, 20))
def test_the_curve_is_as_good_as_direct_minimisation(
    seed: int, inputs: int, outputs: int, beta: float
) -> None:
    joint = random_joint(seed, inputs, outputs, 1.0)
    found = information_curve(joint, [beta])[0]
    direct = least_lagrangian(joint, beta, starts=6)
    assert found.objective <= direct + 1e-8 * (1 + beta)
    assert found.objective == pytest.approx(min(direct, 0), abs=1e-3)


@pytest.mark.parametrize("shape", [(2, 2), (2, 3), (3, 2)])
def test_the_curve_agrees_with_dit(shape: tuple[int, int]) -> None:
    joint = random_joint(1, *shape, 0.3)
    beta = 1.5 * onset(joint)
    np.random.seed(0)  # noqa: NPY002 — the generator that dit draws from
    peer = InformationBottleneck(as_dit(joint), beta)
    peer.optimize(niter=4)
    solved = peer.construct_joint(peer._optima)
    complexity, relevance = (
        float(bits(solved)) * math.log(2) for bits in (peer.complexity, peer.relevance)
    )
    found = information_curve(joint, [beta])[0]
    assert found.relevance > 0.01
    assert found.objective <= complexity - beta * relevance + 1e-9
    assert found.complexity == pytest.approx(complexity, abs=1e-3)
    assert found.relevance == pytest.approx(relevance, abs=1e-3)
    assert found.objective == pytest.approx(complexity - beta * relevance, abs=1e-5)


@few_examples
@given(seed=seeds, inputs=st.integers(2, 6), clusters=st.integers(2, 3))
def test_the_limit_of_hard_clusters_is_the_best_of_all_partitions(
    seed: int, inputs: int, clusters: int
) -> None:
    joint = random_joint(seed, inputs, 4)
    best = max(nats(joint, encoder)[1] for encoder in hard_clusterings(inputs, clusters))
    curve = information_curve(joint, [SHARP, HARD], num_clusters=clusters, seed=seed)
    np.testing.assert_allclose(curve.relevance, best, rtol=1e-9)
    assert set(np.unique(curve.encoders[1])) <= {0.0, 1.0}
    assert curve.objective[1] == -math.inf


@pytest.mark.parametrize("noise", [0.02, 0.1, 0.3])
@pytest.mark.parametrize("excess", [1.01, 1.5, 5.0])
def test_the_symmetric_binary_channel_has_symmetric_solutions(noise: float, excess: float) -> None:
    beta = excess / (1 - 2 * noise) ** 2

    def lagrangian(flip: float) -> float:
        through = flip * (1 - noise) + noise * (1 - flip)
        complexity, relevance = (math.log(2) - binary_entropy(p) for p in (flip, through))
        return complexity - beta * relevance

    best = minimize_scalar(lagrangian, bounds=(1e-12, 0.5), options={"xatol": 1e-12})
    found = information_curve(binary_symmetric(noise, 0.5), [beta])[0]
    assert found.objective == pytest.approx(best.fun, abs=1e-12)
    complexity = math.log(2) - binary_entropy(best.x)
    assert found.complexity == pytest.approx(complexity, rel=1e-4)


DETERMINISTIC = np.array([[0.2, 0, 0], [0.1, 0, 0], [0, 0.3, 0], [0, 0.15, 0], [0, 0, 0.25]])


def test_deterministic_labels_sit_at_the_corner_for_every_beta_above_1() -> None:
    h_y = entropy(DETERMINISTIC.sum(0))
    curve = information_curve(DETERMINISTIC, [0.3, 0.9, 1.1, 2, 30, SHARP, HARD])
    np.testing.assert_allclose(curve.relevance, [0, 0, *[h_y] * 5], atol=1e-9)
    np.testing.assert_allclose(curve.complexity, curve.relevance, atol=1e-9)
    assert curve.sizes.tolist() == [1, 1, 3, 3, 3, 3, 3]
    at_one = information_curve(DETERMINISTIC, [1.0])[0]  # every point of the segment is optimal
    assert at_one.objective == pytest.approx(0, abs=1e-12)


def test_inputs_that_say_the_same_count_as_one() -> None:
    merged = random_joint(2, 3, 4)
    split = np.concatenate([merged[:1] * 0.3, merged[1:], merged[:1] * 0.7])
    betas = np.geomspace(1.2, 40, 12)
    curves = [information_curve(joint, betas) for joint in (merged, split)]
    np.testing.assert_allclose(curves[0].objective, curves[1].objective, atol=1e-9)
    assert curves[1].sizes.max() == 3


# --- the information curve ------------------------------------------------------------------------


@few_examples
@given(
    seed=seeds,
    inputs=st.integers(2, 6),
    outputs=st.integers(2, 4),
    concentration=st.sampled_from([0.1, 1.0]),
    clusters=st.sampled_from([None, 2, 3]),
)
def test_the_curve_rises_is_concave_and_keeps_to_the_data_processing_bound(
    seed: int, inputs: int, outputs: int, concentration: float, clusters: int | None
) -> None:
    joint = random_joint(seed, inputs, outputs, concentration)
    betas = np.array([0.5, 1.0, *np.geomspace(1.05, 100, 25), HARD])
    curve = information_curve(joint, betas, num_clusters=clusters)
    assert len(curve) == len(betas)
    # What no 1e-9 (1 + β) of the Lagrangian decides may differ; at β = inf that's any complexity.
    assert min(np.diff(curve.complexity[:-1])) >= -1e-6
    assert min(np.diff(curve.relevance)) >= -1e-8
    bound = np.minimum(curve.complexity, mutual_information(joint))
    assert (curve.relevance <= bound + 1e-12).all()
    for solution in curve:  # 1/β is a slope that supports the whole curve: it is concave
        if math.isfinite(solution.beta):
            others = curve.complexity - solution.beta * curve.relevance
            assert solution.objective <= others.min() + 1e-9 * (1 + solution.beta)
    if clusters is None:
        assert curve.relevance[-1] == pytest.approx(mutual_information(joint), abs=1e-9)


def test_a_curve_holds_solutions_in_the_order_asked_for() -> None:
    joint = random_joint(5, 4, 3)
    betas = [7.0, 1.2, HARD, 30.0]
    curve = information_curve(joint, betas)
    assert curve.betas.tolist() == betas
    assert curve.encoders.shape == (4, 4, 4)
    ordered = information_curve(joint, sorted(betas))
    np.testing.assert_allclose(curve.relevance, ordered.relevance[[1, 0, 3, 2]], atol=1e-9)
    for index, solution in enumerate(curve):
        assert solution.beta == betas[index]
        assert nats(joint, solution.encoder) == pytest.approx(
            (solution.complexity, solution.relevance), abs=1e-12
        )
        decoder = solution.encoder @ joint
        np.testing.assert_allclose(
            solution.weights[:, None] * solution.decoder, decoder, atol=1e-14
        )
    again = blahut_arimoto(joint, 7.0, start=curve[0].encoder)
    assert again.objective == pytest.approx(curve[0].objective, abs=1e-12)
    assert (curve.residuals <= 1e-10).all()
    assert (curve.iterations >= 1).all()


def test_a_curve_repeats_for_the_same_seed() -> None:
    joint = random_joint(6, 5, 3)
    curves = [information_curve(joint, [2.0, 9.0], seed=4, restarts=1) for _ in range(2)]
    np.testing.assert_array_equal(curves[0].encoders, curves[1].encoders)


def test_one_cluster_knows_nothing() -> None:
    curve = information_curve(random_joint(0, 4, 3), [0.5, 10, HARD], num_clusters=1)
    assert curve.relevance.tolist() == curve.complexity.tolist() == [0, 0, 0]
    assert curve.sizes.tolist() == [1, 1, 1]
    assert curve.objective.tolist() == [0, 0, 0]


def test_torch_tensors_are_read() -> None:
    joint = random_joint(0, 3, 2)
    tensor, betas = torch.tensor(joint), torch.tensor([2.0, 5.0], dtype=torch.float64)
    np.testing.assert_array_equal(
        information_curve(tensor, betas).encoders, information_curve(joint, [2.0, 5.0]).encoders
    )
    assert onset(tensor) == onset(joint)


# --- transitions ----------------------------------------------------------------------------------


@some_examples
@given(seed=seeds, inputs=st.integers(2, 5), outputs=st.integers(2, 5))
def test_maximal_correlation_agrees_with_dit(seed: int, inputs: int, outputs: int) -> None:
    joint = random_joint(seed, inputs, outputs, 1.0)
    expected = float(maximum_correlation(as_dit(joint), [[0], [1]]))
    assert maximal_correlation(joint) == pytest.approx(expected, abs=1e-9)
    assert stability_threshold(joint) == 1 / maximal_correlation(joint) ** 2


def test_maximal_correlation_at_its_extremes() -> None:
    assert maximal_correlation(np.outer([0.2, 0.8], [0.5, 0.3, 0.2])) <= 1e-12
    assert stability_threshold(np.outer([0.2, 0.8], [0.5, 0.3, 0.2])) == math.inf
    assert onset(np.outer([0.2, 0.8], [0.5, 0.3, 0.2])) == math.inf
    assert maximal_correlation(DETERMINISTIC) == pytest.approx(1, abs=1e-14)
    assert onset(DETERMINISTIC) == pytest.approx(1, abs=1e-9)
    padded = np.pad(binary_symmetric(0.1, 0.5), ((0, 1), (1, 0)))  # a zero row and column
    assert maximal_correlation(padded) == pytest.approx(0.8)
    assert onset(padded) == pytest.approx(1 / 0.64)


def ratio(joint: Array, q: float) -> float:
    """D(Q_Y‖P_Y)/D(Q_X‖P_X) for binary X, Q_X = (q, 1 − q)."""
    inner = np.array([q, 1 - q])
    outer = inner @ (joint / joint.sum(1, keepdims=True))
    return float(rel_entr(outer, joint.sum(0)).sum() / rel_entr(inner, joint.sum(1)).sum())


@few_examples
@given(seed=seeds, outputs=st.integers(2, 5), concentration=st.sampled_from([0.3, 1.0]))
def test_the_onset_of_a_binary_input_is_that_of_a_scan(
    seed: int, outputs: int, concentration: float
) -> None:
    joint = random_joint(seed, 2, outputs, concentration)
    first = joint.sum(1)[0]
    grid = np.concatenate(
        [first * np.linspace(1e-9, 0.999, 800), 1 - (1 - first) * np.linspace(1e-9, 0.999, 800)]
    )
    best = max(grid, key=lambda q: ratio(joint, q))
    near = np.clip([best - 2e-3, best + 2e-3], 0, 1)
    low, high = (
        (near[0], min(near[1], first * 0.9995))
        if best < first
        else (max(near[0], first + 5e-4 * (1 - first)), near[1])
    )
    fine = minimize_scalar(lambda q: -ratio(joint, q), bounds=(low, high), options={"xatol": 1e-13})
    highest = max(ratio(joint, best), -fine.fun, maximal_correlation(joint) ** 2)
    assert onset(joint) == pytest.approx(1 / highest, rel=1e-6)


def test_the_onset_where_it_is_known() -> None:
    skewed = binary_symmetric(0.1, 0.95)
    assert onset(skewed) == pytest.approx(2.0275266, rel=1e-7)
    assert stability_threshold(skewed) == pytest.approx(3.9605263, rel=1e-7)
    assert onset(binary_symmetric(0.1, 0.5)) == pytest.approx(1 / 0.64, rel=1e-9)
    # The erasure channel of Anantharam et al. 2013: ρ_max² = 0.6, s* = ½ log₂(12/5).
    erasure = np.array([[1 / 3, 1 / 6, 0], [0, 1 / 4, 1 / 4]])
    assert stability_threshold(erasure) == pytest.approx(1 / 0.6)
    assert onset(erasure) == pytest.approx(2 / math.log2(12 / 5), rel=1e-9)
    peer = float(hypercontractivity_coefficient(as_dit(erasure), [[0], [1]], niter=5))
    assert onset(erasure) == pytest.approx(1 / peer, rel=1e-6)


@few_examples
@given(seed=seeds, inputs=st.integers(2, 5), outputs=st.integers(2, 4))
def test_the_best_solution_leaves_the_trivial_one_at_the_onset(
    seed: int, inputs: int, outputs: int
) -> None:
    joint = random_joint(seed, inputs, outputs)
    first = onset(joint, seed=seed)
    assert first <= stability_threshold(joint)
    curve = information_curve(joint, first * np.array([0.9, 0.999, 1.005, 1.1]))
    np.testing.assert_allclose(curve.objective[:2], 0, atol=1e-12)
    np.testing.assert_allclose(curve.complexity[:2], 0, atol=1e-6)
    assert (curve.objective[2:] < -1e-9).all()


def test_annealing_from_the_trivial_solution_misses_a_first_order_transition() -> None:
    joint = binary_symmetric(0.1, 0.95)
    betas = np.array([1.9, 2.1, 3.0, 3.9, 4.02, 5.0])
    rising = anneal(joint, betas)
    best = information_curve(joint, betas)
    assert rising.sizes.tolist() == [1, 1, 1, 1, 2, 2]
    assert best.sizes.tolist() == [1, 2, 2, 2, 2, 2]
    assert best.objective[2] < -0.02
    falling = anneal(joint, betas[::-1], start=np.eye(2))
    assert falling.betas.tolist() == betas[::-1].tolist()
    np.testing.assert_allclose(falling.objective[:4], best.objective[:1:-1], atol=1e-9)


def test_annealing_leaves_the_trivial_solution_where_it_loses_its_stability() -> None:
    for seed in range(4):
        joint = random_joint(seed, 4, 4, 1.0)
        threshold = stability_threshold(joint)
        curve = anneal(joint, threshold * np.array([0.5, 0.95, 0.995, 1.005, 1.05]))
        assert curve.sizes[:3].tolist() == [1, 1, 1]
        assert curve.sizes[3] > 1
        np.testing.assert_allclose(curve.complexity[:3], 0, atol=1e-9)


def test_annealing_from_separate_clusters_with_zeros_ends_at_the_trivial_solution() -> None:
    curve = anneal(DETERMINISTIC, [3.0, 1.5, 0.8], start=np.eye(5))
    assert curve.sizes.tolist() == [3, 3, 1]
    np.testing.assert_allclose(curve.relevance[2], 0, atol=1e-9)


def growth_of_a_difference(joint: Array, encoder: Array, t: int, beta: float) -> float:
    """By what an update multiplies a small difference between two copies of a cluster."""
    others, members = (
        np.delete(encoder, t, 0),
        encoder[t] * joint.sum(1) / (encoder[t] @ joint.sum(1)),
    )
    tilt = np.random.default_rng(t).standard_normal(len(joint))
    for _ in range(200):
        tilt -= members @ tilt
        tilt *= 1e-6 / np.linalg.norm(np.sqrt(members) * tilt)
        copies = encoder[t] * np.stack([1 / (1 + np.exp(-tilt)), 1 / (1 + np.exp(tilt))])
        updated = plain_update(joint, np.concatenate([others, copies]), beta)
        tilt = np.log(updated[-2] / updated[-1])
        tilt -= members @ tilt
    return float(np.linalg.norm(np.sqrt(members) * tilt)) / 1e-6


@pytest.mark.parametrize("seed", range(5))
def test_copies_of_a_cluster_part_by_beta_over_its_splitting_beta(seed: int) -> None:
    joint = random_joint(seed, 5, 4, 1.0)
    beta = 1.5 * stability_threshold(joint)
    solution = information_curve(joint, [beta], num_clusters=2)[0]
    for t, splitting in enumerate(splitting_betas(joint, solution.encoder)):
        growth = growth_of_a_difference(joint, solution.encoder, t, beta)
        assert growth == pytest.approx(beta / splitting, rel=1e-3)


def test_annealing_splits_clusters_at_their_splitting_betas() -> None:
    joint = random_joint(0, 5, 5, 1.0)
    betas = np.geomspace(1, 40, 120) * stability_threshold(joint)
    curve = anneal(joint, betas)
    step = betas[1] / betas[0]
    grown = 0
    for before, after, size, next_size in zip(
        curve, list(curve)[1:], curve.sizes, curve.sizes[1:], strict=False
    ):
        in_use = before.weights > 1e-6
        first = splitting_betas(joint, before.encoder)[in_use].min()
        assert first >= before.beta * (1 - 1e-3)  # a stable solution
        if next_size > size:
            grown += 1
            assert first <= after.beta * step
    assert grown >= 3


def test_splitting_betas_of_the_trivial_solution_single_inputs_and_empty_clusters() -> None:
    joint = random_joint(1, 3, 4)
    trivial = np.full((2, 3), 0.5)
    np.testing.assert_allclose(splitting_betas(joint, trivial), stability_threshold(joint))
    parted = np.array([[1.0, 0, 0], [0, 1, 1], [0, 0, 0]])
    found = splitting_betas(joint, parted)
    assert found[[0, 2]].tolist() == [math.inf, math.inf]
    rest = joint[1:] / joint[1:].sum()
    assert found[1] == pytest.approx(stability_threshold(rest))


# --- bad input ------------------------------------------------------------------------------------

GOOD = binary_symmetric(0.1, 0.5)
BAD_JOINTS = [
    (GOOD * 1.00001, "joint: sums to 1.00001"),
    (GOOD * (1 + 3e-9), "joint: sums to 1.000000003"),
    ([[0.6, 0.6], [-0.2, 0.0]], r"joint: entry \(1, 0\) is negative"),
    ([[0.5, math.nan], [0.5, 0.0]], r"joint: entry \(0, 1\) is not finite"),
    ([[0.5, math.inf], [0.5, 0.0]], r"joint: entry \(0, 1\) is not finite"),
    ([0.5, 0.5], "joint: expected 2 non-empty axes"),
    (GOOD[None], "joint: expected 2 non-empty axes"),
    (np.zeros((0, 2)), "joint: expected 2 non-empty axes"),
]


@pytest.mark.parametrize(("joint", "message"), BAD_JOINTS)
def test_a_bad_joint_is_refused_by_name(joint: Array, message: str) -> None:
    for call in (
        mutual_information,
        maximal_correlation,
        stability_threshold,
        onset,
        lambda joint: splitting_betas(joint, np.eye(2)),
        lambda joint: blahut_arimoto(joint, 2.0),
        lambda joint: anneal(joint, [2.0]),
        lambda joint: information_curve(joint, [2.0]),
    ):
        with pytest.raises(ValueError, match=message):
            call(joint)


def test_an_input_without_probability_has_no_encoder() -> None:
    joint = [[0.5, 0.2], [0.0, 0.0], [0.2, 0.1]]
    for call in (
        lambda: splitting_betas(joint, np.eye(3)),
        lambda: blahut_arimoto(joint, 2.0),
        lambda: anneal(joint, [2.0]),
        lambda: information_curve(joint, [2.0]),
    ):
        with pytest.raises(ValueError, match="joint: row 1 has probability 0"):
            call()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([0.5, 0.6], "probabilities: sums to 1.1"),
        ([1.5, -0.5], "probabilities: entry 1 is negative"),
        ([math.nan, 1], "probabilities: entry 0 is not finite"),
        (GOOD, "probabilities: expected 1 non-empty axes"),
    ],
)
def test_bad_probabilities_are_refused(values: Array, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        entropy(values)


@pytest.mark.parametrize("beta", [0.0, -1.0, math.nan, -math.inf])
def test_a_beta_that_is_not_positive_is_refused(beta: float) -> None:
    with pytest.raises(ValueError, match="beta: expected a positive number"):
        blahut_arimoto(GOOD, beta)
    for trace in (anneal, information_curve):
        with pytest.raises(ValueError, match="betas: expected positive numbers"):
            trace(GOOD, [2.0, beta])


@pytest.mark.parametrize("betas", [[], [[1.0, 2.0]]])
def test_betas_of_another_shape_are_refused(betas: list[float]) -> None:
    for trace in (anneal, information_curve):
        with pytest.raises(ValueError, match="betas: expected 1 non-empty axis"):
            trace(GOOD, betas)


@pytest.mark.parametrize(
    ("start", "message"),
    [
        (np.eye(3), r"expected shape \(\|T\|, 2\), got \(3, 3\)"),
        ([0.5, 0.5], r"expected shape \(\|T\|, 2\), got \(2,\)"),
        (np.zeros((0, 2)), r"expected shape \(\|T\|, 2\), got \(0, 2\)"),
        ([[0.5, 1.0], [0.5, 0.1]], "column 1 sums to 1.1, not to 1"),
        ([[1.5, 1.0], [-0.5, 0.0]], r"entry \(1, 0\) is negative"),
        ([[math.nan, 1.0], [0.5, 0.0]], r"entry \(0, 0\) is not finite"),
    ],
)
def test_a_bad_encoder_is_refused(start: Array, message: str) -> None:
    with pytest.raises(ValueError, match="start: " + message):
        blahut_arimoto(GOOD, 2.0, start=start)
    with pytest.raises(ValueError, match="start: " + message):
        anneal(GOOD, [2.0], start=start)
    with pytest.raises(ValueError, match="encoder: " + message):
        splitting_betas(GOOD, start)


def test_bad_counts_are_refused() -> None:
    for clusters in (0, -2):
        with pytest.raises(ValueError, match="num_clusters: expected at least 1"):
            blahut_arimoto(GOOD, 2.0, num_clusters=clusters)
        for trace in (anneal, information_curve):
            with pytest.raises(ValueError, match="num_clusters: expected at least 1"):
                trace(GOOD, [2.0], num_clusters=clusters)
    with pytest.raises(ValueError, match="num_clusters: got 3, but start has 2 rows"):
        blahut_arimoto(GOOD, 2.0, num_clusters=3, start=np.eye(2))
    with pytest.raises(ValueError, match="num_clusters: got 3, but start has 2 rows"):
        anneal(GOOD, [2.0], num_clusters=3, start=np.eye(2))
    with pytest.raises(ValueError, match="restarts: expected at least 0"):
        information_curve(GOOD, [2.0], restarts=-1)
