"""The Rademacher complexity of linear functions: how well they fit pure noise on a sample."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ncbook._checks import check_matrix
from ncbook.margins._inputs import check_count, check_positive, double

# Signs are drawn this many at a time, 8 MiB in float64.
_CHUNK_ENTRIES = 2**20


@dataclass(frozen=True)
class RademacherEstimate:
    """A Monte-Carlo estimate and the bound that proofs use in its place.

    Attributes:
        value: estimate of E_σ sup_{‖w‖ ≤ Λ} (1/n) Σ_i σ_i w·h_i.
        standard_error: of ``value``, from the spread of the draws.
        bound: Λ √(Σ‖h_i‖²)/n, which is ≥ the complexity (Jensen) and ≤ Λ max‖h‖/√n; the complexity
            is at least 1/√2 of it (Khintchine–Kahane).
    """

    value: float
    standard_error: float
    bound: float


def rademacher_estimate(
    features: Tensor, *, norm: float = 1.0, draws: int = 1000, seed: int = 0
) -> RademacherEstimate:
    """The empirical Rademacher complexity of {h ↦ w·h: ‖w‖ ≤ Λ}, by drawing signs.

    For signs σ the supremum is at w ∝ Σ_i σ_i h_i, which makes it Λ‖Σ_i σ_i h_i‖/n (Mohri,
    Rostamizadeh & Talwalkar 2018, Theorem 5.10).

    Args:
        features: (n, d).
        norm: Λ > 0.
        draws: sign vectors, at least 2.
        seed: of the signs, not negative.

    Raises:
        ValueError: naming the argument: features that are no finite non-empty matrix, Λ that isn't
            positive, fewer than 2 draws, a negative seed.
    """
    check_matrix("features", features)
    check_positive(norm=norm)
    check_count(2, draws=draws)
    check_count(0, seed=seed)
    rows = double(features)
    n = len(rows)
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.cat(
        [_noise(rows, count, generator) for count in _portions(draws, max(1, _CHUNK_ENTRIES // n))]
    )
    fits = norm * lengths / n  # (draws,)
    bound = norm * float(torch.linalg.matrix_norm(rows)) / n
    return RademacherEstimate(
        float(fits.mean()), float(fits.std(correction=1)) / math.sqrt(draws), bound
    )


def _noise(rows: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """‖Σ_i σ_i h_i‖ for fresh signs, (count,)."""
    signs = torch.randint(2, (count, len(rows)), generator=generator).double().mul_(2).sub_(1)
    sums: Tensor = signs @ rows  # (count, d)
    lengths: Tensor = torch.linalg.vector_norm(sums, dim=1)
    return lengths


def _portions(total: int, most: int) -> list[int]:
    return [min(most, total - done) for done in range(0, total, most)]
