"""Frames and Gram distances against loop oracles, invariances and the values known by hand."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from ncbook.geometry import (
    centred,
    cosine_matrix,
    gram_distance,
    gram_matrix,
    mean_cosine,
    orthogonal_frame,
    simplex_etf,
)
from tests import oracles

some_examples = settings(deadline=None, max_examples=30)
seeds = st.integers(0, 2**31)
sizes = st.integers(2, 6)


def random(seed: int, *shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def rotation(seed: int, dim: int) -> Tensor:
    return torch.linalg.qr(random(seed, dim, dim)).Q


@pytest.mark.parametrize("k", [2, 3, 4, 10, 100])
@pytest.mark.parametrize("spare", [0, 3])
def test_simplex_etf_has_the_inner_products_of_its_definition(k: int, spare: int) -> None:
    frame = simplex_etf(k, k - 1 + spare)
    assert frame.shape == (k, k - 1 + spare)
    assert frame.dtype == torch.float64
    for a in range(k):
        for b in range(0, k, max(1, k // 7)):
            expected = 1 if a == b else -1 / (k - 1)
            assert float(frame[a] @ frame[b]) == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize(("k", "dim"), [(2, 2), (4, 4), (10, 64)])
def test_orthogonal_frame_is_orthonormal_and_nonnegative(k: int, dim: int) -> None:
    frame = orthogonal_frame(k, dim)
    assert frame.shape == (k, dim)
    assert frame.dtype == torch.float64
    assert (frame >= 0).all()
    torch.testing.assert_close(frame @ frame.T, torch.eye(k, dtype=torch.float64))


@pytest.mark.parametrize("k", [2, 3, 10])
def test_centring_an_orthogonal_frame_gives_a_scaled_etf(k: int) -> None:
    means = centred(orthogonal_frame(k, k + 2))
    etf = simplex_etf(k, k + 2)
    torch.testing.assert_close(means @ means.T, (k - 1) / k * etf @ etf.T)
    assert gram_distance(orthogonal_frame(k, k + 2), "etf") == pytest.approx(0, abs=1e-14)


@pytest.mark.parametrize(("k", "rounded"), [(10, 0.320), (100, 0.100)])
def test_of_distance_of_an_exact_etf(k: int, rounded: float) -> None:
    distance = gram_distance(simplex_etf(k, k), "of")
    assert distance == pytest.approx(math.sqrt(2 - 2 * math.sqrt((k - 1) / k)), abs=1e-13)
    assert round(distance, 3) == rounded


@some_examples
@given(seed=seeds, k=sizes, dim=sizes)
def test_measures_agree_with_loops(seed: int, k: int, dim: int) -> None:
    means = random(seed, k, dim) + 0.3
    rows = means.numpy()
    for target in ("etf", "of"):
        expected = oracles.gram_distance(rows, target)
        assert gram_distance(means, target) == pytest.approx(expected, rel=1e-10)
    for centre, frame in ((False, rows), (True, oracles.centred(rows))):
        expected = [oracles.cosine(a, b) for a in frame for b in frame]
        assert cosine_matrix(means, centre).flatten().tolist() == pytest.approx(expected, abs=1e-12)
        average = sum(oracles.off_diagonal_cosines(frame)) / (k * (k - 1))
        assert mean_cosine(means, centre) == pytest.approx(average, abs=1e-12)
        gram = [float(a @ b) for a in frame for b in frame]
        norm = math.sqrt(sum(x * x for x in gram))
        expected = [x / norm for x in gram]
        assert gram_matrix(means, centre).flatten().tolist() == pytest.approx(expected, abs=1e-12)


@some_examples
@given(seed=seeds, k=sizes, dim=sizes, scale=st.floats(1e-6, 1e6))
def test_gram_distances_ignore_rotation_scale_and_label_order(
    seed: int, k: int, dim: int, scale: float
) -> None:
    means = random(seed, k, dim)
    order = torch.randperm(k, generator=torch.Generator().manual_seed(seed))
    moved = scale * means[order] @ rotation(seed + 1, dim)
    for target in ("etf", "of"):
        expected = gram_distance(means, target)
        assert gram_distance(moved, target) == pytest.approx(expected, rel=1e-9, abs=1e-12)
        assert 0 <= expected <= math.sqrt(2)
    torch.testing.assert_close(cosine_matrix(moved, True), cosine_matrix(means[order], True))


@some_examples
@given(seed=seeds, k=sizes, dim=sizes)
def test_only_the_etf_distance_ignores_the_origin(seed: int, k: int, dim: int) -> None:
    means, offset = random(seed, k, dim), 5 + random(seed + 1, dim)
    assert gram_distance(means + offset, "etf") == pytest.approx(gram_distance(means, "etf"))
    assert gram_distance(means + offset, "of") != pytest.approx(gram_distance(means, "of"))


def test_permuting_an_exact_etf_is_an_orthogonal_map() -> None:
    etf = simplex_etf(5, 4)
    order = torch.tensor([3, 0, 4, 1, 2])
    q = torch.linalg.lstsq(etf, etf[order]).solution
    torch.testing.assert_close(etf @ q, etf[order])
    torch.testing.assert_close(q @ q.T, torch.eye(4, dtype=torch.float64))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_low_precision_means_are_measured_in_float64(dtype: torch.dtype) -> None:
    means = random(0, 4, 6).to(dtype).requires_grad_()
    expected = gram_distance(means.detach().double(), "of")
    assert gram_distance(means, "of") == expected
    assert cosine_matrix(means, True).dtype == torch.float64


def test_frames_refuse_too_few_classes_or_dimensions() -> None:
    with pytest.raises(ValueError, match="num_classes: a frame needs at least 2 classes, got 1"):
        simplex_etf(1, 3)
    with pytest.raises(ValueError, match="dim: 5 classes need at least 4, got 3"):
        simplex_etf(5, 3)
    with pytest.raises(ValueError, match="num_classes: a frame needs at least 2 classes, got 1"):
        orthogonal_frame(1, 3)
    with pytest.raises(ValueError, match="dim: 5 classes need at least 5, got 4"):
        orthogonal_frame(5, 4)


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("means", "complaint"),
    [
        (torch.ones(3), "means: expected 2 dimensions"),
        (torch.ones(2, 3, 4), "means: expected 2 dimensions"),
        (torch.ones(1, 3), "means: expected at least 2 classes, got 1"),
        (torch.ones(0, 3), "means: empty"),
        (torch.ones(3, 3, dtype=torch.int64), "means: expected a floating-point dtype"),
        (torch.tensor([[1.0, 0], [NAN, 1]]), "means: row 1 holds NaN or infinity"),
        (torch.tensor([[INF, 0], [0, 1]]), "means: row 0 holds NaN or infinity"),
        ([[1.0, 0.0], [0.0, 1.0]], "means: expected a torch.Tensor, got list"),
    ],
)
def test_bad_means_are_named(means: Tensor, complaint: str) -> None:
    for measure in (
        lambda: gram_distance(means, "of"),
        lambda: gram_distance(means, "etf"),
        lambda: cosine_matrix(means, False),
        lambda: mean_cosine(means, True),
        lambda: gram_matrix(means, True),
        lambda: centred(means),
    ):
        with pytest.raises(ValueError, match=complaint):
            measure()


def test_a_mean_without_a_direction_is_named() -> None:
    with_zero = torch.tensor([[1.0, 0], [0, 1], [0, 0]])
    with pytest.raises(ValueError, match="means: row 2 is zero"):
        gram_distance(with_zero, "of")
    in_the_middle = torch.tensor([[0.3, 1], [0.3, 0], [0.3, -1]])
    with pytest.raises(ValueError, match="means: row 1 equals the mean of the means"):
        cosine_matrix(in_the_middle, centre=True)
    coinciding = torch.full((3, 2), 0.1)
    with pytest.raises(ValueError, match="means: row 0 equals the mean of the means"):
        gram_distance(coinciding, "etf")


def test_an_unknown_target_is_named() -> None:
    with pytest.raises(ValueError, match='target: expected "etf" or "of", got \'oof\''):
        gram_distance(torch.eye(3), "oof")
