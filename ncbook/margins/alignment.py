"""Which class sits at which vertex of a frame: permutations, rotations, the best of each."""

from collections.abc import Sequence

import torch
from scipy.linalg import orthogonal_procrustes
from scipy.optimize import linear_sum_assignment
from scipy.stats import ortho_group
from torch import Tensor

from ncbook._checks import check_matrix
from ncbook.margins._inputs import check_count, double

# Entries of two Gram matrices count as equal within this share of the largest.
_GRAM_TOLERANCE = 1e-8


def random_rotation(dim: int, seed: int = 0) -> Tensor:
    """A random orthogonal map by Haar measure on O(d): uniform, reflections included.

    Args:
        dim: d ≥ 1.
        seed: the same one gives the same map.

    Returns:
        (d, d) float64; rotate the rows of a frame by ``frame @ rotation``.

    Raises:
        ValueError: naming the argument, if ``dim`` < 1 or ``seed`` is negative.
    """
    check_count(1, dim=dim)
    check_count(0, seed=seed)
    return torch.tensor(ortho_group.rvs(dim, random_state=seed), dtype=torch.float64).view(dim, dim)


def permuted(frame: Tensor, permutation: Tensor | Sequence[int]) -> Tensor:
    """ΠM: class c gets the vertex ``permutation[c]`` of the frame.

    Args:
        frame: (k, d).
        permutation: (k,) integers, each of 0 … k−1 once.

    Returns:
        (k, d) float64 on the CPU.

    Raises:
        ValueError: naming the argument, if the frame is no finite matrix or the other no
            permutation of its rows.
    """
    check_matrix("frame", frame)
    return double(frame)[_order(permutation, len(frame))]


def assignment(frame: Tensor, means: Tensor) -> Tensor:
    """The permutation that brings the vertices of a frame closest to given class means.

    It maximises Σ_c f_π(c)·μ_c, which minimises Σ_c ‖f_π(c) − μ_c‖² whatever the scale of the means
    and wherever their centre, by SciPy's ``linear_sum_assignment``.

    Args:
        frame: (k, d).
        means: (k, d).

    Returns:
        (k,) int64; ``permuted(frame, assignment(frame, means))`` is the aligned frame.

    Raises:
        ValueError: naming the argument, if it is no finite matrix or the shapes differ.
    """
    _check_alike(frame, means)
    _, columns = linear_sum_assignment((double(means) @ double(frame).T).numpy(), maximize=True)
    return torch.from_numpy(columns).long()


def aligned(frame: Tensor, means: Tensor) -> Tensor:
    """The frame, its vertices assigned to the classes so that they are closest to the class means.

    Args and errors as ``assignment``.

    Returns:
        (k, d) float64 on the CPU, row c the vertex of class c.
    """
    return permuted(frame, assignment(frame, means))


def best_rotation(frame: Tensor, means: Tensor) -> Tensor:
    """The orthogonal map that brings a frame closest to given class means (Procrustes).

    Q minimises ‖F Q − M‖_F over O(d), whatever the scale of the means (Schönemann 1966, by SciPy's
    ``orthogonal_procrustes``). If the rows of the frame sum to zero, so does it wherever the centre
    of the means. Q is unique only if FᵀM has rank d.

    Args and errors as ``assignment``.

    Returns:
        (d, d) float64; ``frame @ best_rotation(frame, means)`` is the rotated frame.
    """
    _check_alike(frame, means)
    rotation, _ = orthogonal_procrustes(double(frame).numpy(), double(means).numpy())
    return torch.from_numpy(rotation)


def permutation_as_rotation(frame: Tensor, permutation: Tensor | Sequence[int]) -> Tensor:
    """Q ∈ O(d) with ΠM = MQ: to permute the labels of an ETF or OF is to rotate the space.

    Such a map exists iff the permutation leaves M Mᵀ as it is; then Q = I + M⁺(ΠM − M), which
    leaves everything orthogonal to the frame where it is. Alignments of an exact frame are thus
    equivalent to a learner that treats all directions of feature space alike.

    Args:
        frame: (k, d), a simplex ETF, an orthogonal frame, or any other that is symmetric enough.
        permutation: (k,) integers, each of 0 … k−1 once.

    Returns:
        (d, d) float64 on the CPU.

    Raises:
        ValueError: naming the argument, if the frame is no finite matrix, the permutation none of
            its rows, or if it changes the frame's Gram matrix.
    """
    moved, rows = permuted(frame, permutation), double(frame)
    gram = rows @ rows.T
    change = float((moved @ moved.T - gram).abs().max())
    if change > _GRAM_TOLERANCE * float(gram.abs().max()):
        raise ValueError(
            f"permutation: changes an inner product of the frame by {change:.1e}, so no orthogonal "
            "map does the same"
        )
    identity = torch.eye(rows.shape[1], dtype=torch.float64)
    inverse: Tensor = torch.linalg.pinv(rows, rtol=_GRAM_TOLERANCE)  # (d, k)
    return identity + inverse @ (moved - rows)


def _order(permutation: Tensor | Sequence[int], length: int) -> Tensor:
    order = torch.as_tensor(permutation)
    whole = order.ndim == 1 and not (order.is_floating_point() or order.dtype == torch.bool)
    if not whole or sorted(order.tolist()) != list(range(length)):
        raise ValueError(f"permutation: expected each of 0 to {length - 1} once")
    return order.cpu().long()


def _check_alike(frame: Tensor, means: Tensor) -> None:
    check_matrix("frame", frame)
    check_matrix("means", means)
    if frame.shape != means.shape:
        raise ValueError(f"means: expected {tuple(frame.shape)}, got {tuple(means.shape)}")
