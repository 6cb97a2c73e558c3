"""Permutations, rotations and assignments of frames against definitions and exhaustive search."""

import itertools
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from ncbook.geometry import orthogonal_frame, simplex_etf
from ncbook.margins import (
    aligned,
    assignment,
    best_rotation,
    permutation_as_rotation,
    permuted,
    random_rotation,
)

some_examples = settings(deadline=None, max_examples=30)
seeds = st.integers(0, 2**31)
frames = pytest.mark.parametrize("frame", [simplex_etf, orthogonal_frame])
Frame = Callable[[int, int], Tensor]


def random(seed: int, *shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def assert_orthogonal(matrix: Tensor) -> None:
    torch.testing.assert_close(
        matrix @ matrix.T, torch.eye(len(matrix), dtype=torch.float64), rtol=0, atol=1e-12
    )


@pytest.mark.parametrize("dim", [1, 2, 5, 64])
def test_rotations_are_orthogonal_and_belong_to_their_seed(dim: int) -> None:
    rotation = random_rotation(dim, 3)
    assert rotation.dtype == torch.float64
    assert rotation.shape == (dim, dim)
    assert_orthogonal(rotation)
    assert rotation.equal(random_rotation(dim, 3))
    if dim > 1:
        assert not rotation.equal(random_rotation(dim, 4))


def test_rotations_follow_the_haar_measure() -> None:
    """Of O(3): entries have mean 0, mean square 1/3, mean fourth power 3/15."""
    rotations = torch.stack([random_rotation(3, seed) for seed in range(2000)])
    assert rotations.mean(0).abs().max() < 0.06
    assert (rotations.square().mean(0) - 1 / 3).abs().max() < 0.04
    assert (rotations.pow(4).mean(0) - 1 / 5).abs().max() < 0.04
    reflections = (torch.linalg.det(rotations) < 0).double().mean().item()
    assert reflections == pytest.approx(0.5, abs=0.06)


def test_permuting_gives_each_class_the_vertex_named() -> None:
    frame = random(0, 4, 3)
    moved = permuted(frame, [2, 0, 3, 1])
    for c, vertex in enumerate((2, 0, 3, 1)):
        assert moved[c].equal(frame[vertex])
    assert permuted(frame, torch.tensor([2, 0, 3, 1], dtype=torch.int32)).equal(moved)


@some_examples
@given(seed=seeds, k=st.integers(2, 5), dim=st.integers(1, 6))
def test_the_assignment_is_the_best_of_all(seed: int, k: int, dim: int) -> None:
    frame, means = random(seed, k, dim), random(seed + 1, k, dim)
    least = min(
        float((frame[list(order)] - means).square().sum())
        for order in itertools.permutations(range(k))
    )
    assert float((aligned(frame, means) - means).square().sum()) == pytest.approx(least, rel=1e-12)
    assert aligned(frame, means).equal(permuted(frame, assignment(frame, means)))


@some_examples
@given(seed=seeds, scale=st.floats(1e-3, 1e3))
def test_the_assignment_ignores_scale_and_centre(seed: int, scale: float) -> None:
    frame, means = random(seed, 5, 6), random(seed + 1, 5, 6)
    order = assignment(frame, means)
    assert assignment(frame, scale * means + random(seed + 2, 6)).equal(order)


def test_the_assignment_undoes_a_permutation_and_small_noise() -> None:
    frame = simplex_etf(10, 12)
    order = torch.randperm(10, generator=torch.Generator().manual_seed(0))
    means = 3 * frame[order] + 0.05 * random(1, 10, 12)
    assert assignment(frame, means).equal(order)


@some_examples
@given(seed=seeds, k=st.integers(2, 6), dim=st.integers(2, 6))
def test_no_rotation_is_better_than_the_best(seed: int, k: int, dim: int) -> None:
    frame, means = random(seed, k, dim), random(seed + 1, k, dim)
    best = best_rotation(frame, means)
    assert_orthogonal(best)
    least = float((frame @ best - means).norm())
    for other in range(20):
        rotation = random_rotation(dim, other)
        assert least <= float((frame @ rotation - means).norm()) + 1e-12
    torch.testing.assert_close(frame @ best_rotation(frame, 7 * means), frame @ best)


def test_the_best_rotation_recovers_one() -> None:
    frame, rotation = random(0, 6, 4), random_rotation(4, 1)
    torch.testing.assert_close(best_rotation(frame, frame @ rotation), rotation)


@frames
@some_examples
@given(seed=seeds, k=st.integers(2, 8), spare=st.integers(0, 3), scale=st.floats(1e-3, 1e3))
def test_permuting_labels_rotates_the_space(
    frame: Frame, seed: int, k: int, spare: int, scale: float
) -> None:
    means = scale * frame(k, k + spare) @ random_rotation(k + spare, seed)
    order = torch.randperm(k, generator=torch.Generator().manual_seed(seed))
    rotation = permutation_as_rotation(means, order)
    assert_orthogonal(rotation)
    torch.testing.assert_close(means @ rotation, permuted(means, order), rtol=0, atol=1e-12 * scale)
    outside = random(seed, k + spare)
    outside -= (
        torch.linalg.lstsq(means.T, outside.unsqueeze(1), driver="gelsd").solution.T[0] @ means
    )
    torch.testing.assert_close(outside @ rotation, outside, rtol=0, atol=1e-10)


def test_rotations_of_permutations_compose() -> None:
    frame = simplex_etf(5, 6)
    first, second = torch.tensor([1, 2, 0, 4, 3]), torch.tensor([4, 0, 1, 3, 2])
    product = permutation_as_rotation(frame, first) @ permutation_as_rotation(frame, second)
    torch.testing.assert_close(product, permutation_as_rotation(frame, second[first]))


def test_a_frame_without_the_symmetry_has_no_such_rotation() -> None:
    frame = torch.tensor([[1.0, 0], [0, 1], [-1, 0]], dtype=torch.float64)
    symmetric = permutation_as_rotation(frame, [2, 1, 0])
    torch.testing.assert_close(frame @ symmetric, frame[[2, 1, 0]])
    with pytest.raises(ValueError, match=r"permutation: changes an inner product .* by 1\.0e\+00"):
        permutation_as_rotation(frame, [1, 0, 2])


M, NAN = torch.eye(3), float("nan")


@pytest.mark.parametrize("function", [permuted, permutation_as_rotation])
@pytest.mark.parametrize(
    ("frame", "permutation", "complaint"),
    [
        (torch.ones(3), [0, 1, 2], "frame: expected 2 dimensions"),
        (M * NAN, [0, 1, 2], "frame: row 0 holds NaN or infinity"),
        (M, [0, 1], "permutation: expected each of 0 to 2 once"),
        (M, [0, 1, 1], "permutation: expected each of 0 to 2 once"),
        (M, [1, 2, 3], "permutation: expected each of 0 to 2 once"),
        (M, [0.0, 1.0, 2.0], "permutation: expected each of 0 to 2 once"),
        (M, torch.eye(3).long(), "permutation: expected each of 0 to 2 once"),
        (torch.eye(2), [True, False], "permutation: expected each of 0 to 1 once"),
    ],
)
def test_bad_permutations_are_named(
    function: Callable[..., Tensor], frame: Tensor, permutation: list[int], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        function(frame, permutation)


@pytest.mark.parametrize("function", [assignment, aligned, best_rotation])
@pytest.mark.parametrize(
    ("frame", "means", "complaint"),
    [
        (torch.ones(3), M, "frame: expected 2 dimensions"),
        (M, torch.ones(3), "means: expected 2 dimensions"),
        (M, M * NAN, "means: row 0 holds NaN or infinity"),
        (M, M[:2], r"means: expected \(3, 3\), got \(2, 3\)"),
    ],
)
def test_bad_frames_are_named(
    function: Callable[..., Tensor], frame: Tensor, means: Tensor, complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        function(frame, means)


def test_bad_sizes_and_seeds_are_named() -> None:
    with pytest.raises(ValueError, match="dim: expected an integer of at least 1, got 0"):
        random_rotation(0)
    with pytest.raises(ValueError, match="seed: expected an integer of at least 0, got -1"):
        random_rotation(2, -1)
