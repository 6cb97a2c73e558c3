"""Spherical codes against proven optima, and the bounds against frames that attain them."""

import math

import pytest
import torch
from torch import Tensor

from ncbook.geometry import orthogonal_frame, simplex_etf
from ncbook.margins import (
    largest_cosine,
    random_rotation,
    rankin_bound,
    spherical_code,
    welch_bound,
)

GOLDEN = (1 + math.sqrt(5)) / 2


def icosahedron() -> Tensor:
    """Its six axes, a vertex of each."""
    rows = [(0, 1, GOLDEN), (0, 1, -GOLDEN)]
    turned = [row[-shift:] + row[:-shift] for row in rows for shift in range(3)]
    return torch.tensor(turned, dtype=torch.float64)


@pytest.mark.parametrize(
    ("num_points", "dim", "cosine"),
    [
        (2, 4, -1.0),
        (3, 2, -1 / 2),
        (5, 2, math.cos(2 * math.pi / 5)),
        (9, 2, math.cos(2 * math.pi / 9)),
        (4, 3, -1 / 3),
        (5, 3, 0.0),  # many optima
        (6, 3, 0.0),
        (7, 3, 0.2101383127),  # Schütte & van der Waerden 1951: 77.86954°
        (9, 3, 1 / 3),
        (12, 3, 1 / math.sqrt(5)),
        (4, 10, -1 / 3),
        (8, 4, 0.0),
        (16, 5, 1 / 5),
        (24, 4, 1 / 2),
        (27, 6, 1 / 4),  # Schläfli's configuration
    ],
)
def test_known_optima_are_found(num_points: int, dim: int, cosine: float) -> None:
    code = spherical_code(num_points, dim, restarts=6)
    assert code.shape == (num_points, dim)
    assert code.dtype == torch.float64
    torch.testing.assert_close(code.norm(dim=1), torch.ones(num_points, dtype=torch.float64))
    assert largest_cosine(code) == pytest.approx(cosine, abs=1e-9)
    assert largest_cosine(code) >= rankin_bound(num_points, dim) - 1e-12


def test_more_starts_are_never_worse_and_seeds_repeat() -> None:
    few, many = (spherical_code(10, 3, restarts=starts, seed=1) for starts in (1, 5))
    assert largest_cosine(many) <= largest_cosine(few) + 1e-9
    assert few.equal(spherical_code(10, 3, restarts=1, seed=1))


def test_the_largest_cosine_is_that_of_the_closest_pair() -> None:
    rows = torch.tensor([[2.0, 0.0], [0.0, 1.0], [-1.0, 0.1], [-3.0, 0.0]])
    expected = 1 / math.sqrt(1.01)
    assert largest_cosine(rows) == pytest.approx(expected, rel=1e-7)
    assert largest_cosine(simplex_etf(4, 3)) == pytest.approx(-1 / 3, rel=1e-12)


def test_the_welch_bound_is_attained_by_equiangular_tight_frames() -> None:
    axes = icosahedron()
    unit = axes / axes.norm(dim=1, keepdim=True)
    cosines = (unit @ unit.T).fill_diagonal_(0).abs()
    assert float(cosines.max()) == pytest.approx(welch_bound(6, 3), rel=1e-12)
    assert welch_bound(6, 3) == pytest.approx(1 / math.sqrt(5), rel=1e-12)
    for k in (2, 3, 10):
        assert welch_bound(k, k - 1) == pytest.approx(1 / (k - 1), rel=1e-12)
        assert largest_cosine(-simplex_etf(k, k)) < 0 <= welch_bound(k, k)
    assert welch_bound(3, 5) == 0


@pytest.mark.parametrize("seed", range(5))
def test_no_frame_beats_the_bounds(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for k, dim in ((3, 4), (5, 4), (6, 4), (9, 4)):
        rows = torch.randn(k, dim, generator=generator, dtype=torch.float64)
        unit = rows / rows.norm(dim=1, keepdim=True)
        assert largest_cosine(rows) >= rankin_bound(k, dim)
        assert float((unit @ unit.T).fill_diagonal_(0).abs().max()) >= welch_bound(k, dim)


def test_the_rankin_bound_is_attained_up_to_twice_the_dimension() -> None:
    axes = orthogonal_frame(4, 4) @ random_rotation(4, 0)
    for k in range(6, 9):
        assert largest_cosine(torch.cat([axes, -axes])[:k]) == pytest.approx(0, abs=1e-15)
        assert rankin_bound(k, 4) == 0
    for k in range(2, 6):
        assert largest_cosine(simplex_etf(k, 4)) == pytest.approx(rankin_bound(k, 4), rel=1e-12)


@pytest.mark.parametrize(
    ("function", "arguments", "complaint"),
    [
        (spherical_code, (1, 3), "num_points: expected an integer of at least 2, got 1"),
        (spherical_code, (3, 1), "dim: expected an integer of at least 2, got 1"),
        (spherical_code, (3.0, 2), "num_points: expected an integer of at least 2, got 3.0"),
        (rankin_bound, (1, 3), "num_points: expected an integer of at least 2, got 1"),
        (rankin_bound, (3, 0), "dim: expected an integer of at least 1, got 0"),
        (welch_bound, (1, 3), "num_points: expected an integer of at least 2, got 1"),
        (welch_bound, (3, 0), "dim: expected an integer of at least 1, got 0"),
        (largest_cosine, (torch.ones(3),), "code: expected 2 dimensions"),
        (largest_cosine, (torch.ones(1, 3),), "code: expected at least 2 rows, got 1"),
        (largest_cosine, (torch.eye(3, 2),), "code: a row is zero"),
        (largest_cosine, (torch.eye(2) * float("nan"),), "code: row 0 holds NaN or infinity"),
    ],
)
def test_bad_input_is_named(function, arguments: tuple[object, ...], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        function(*arguments)


def test_at_least_one_start_is_needed() -> None:
    with pytest.raises(ValueError, match="restarts: expected an integer of at least 1, got 0"):
        spherical_code(3, 2, restarts=0)
