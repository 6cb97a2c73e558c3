"""What the loss of unit features can't fall below, and the class geometry that reaches it.

Let γ_ab be the mean of h_i·h_l over samples of two classes. ℓ_i is convex in the Gram matrix, so
averaging over permutations within classes gives, by Jensen's inequality and h_i·h_j ≤ 1, for any
unit features

    Σ_i ℓ_i ≥ F(Γ) = Σ_{c: n_c ≥ 2} n_c log(n_c − 1 + Σ_{b≠c} n_b e^{(γ_cb − 1)/τ}),

and Γ = (γ_ab) with unit diagonal is positive semidefinite: a correlation matrix. F increases in
each entry. Where h ≥ 0, no γ_ab is negative, so F is least at Γ = I, the orthogonal frame, whatever
the class sizes (arXiv:2306.07960). Where the sign is free, the minimum over correlation matrices is
a convex programme in k×k numbers; collapsed features whose class means have its solution as their
Gram matrix attain it. For equal sizes that is the simplex ETF (Graf et al. 2021, arXiv:2102.08817).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse.linalg import LinearOperator, minres
from torch import Tensor
from torch.nn.functional import normalize

from ncbook.supcon import supcon_minimum

_NEWTON_STEPS = 20  # at most; five to ten are usual
_LINEAR_TOLERANCE = 1e-4  # of a Newton system: each step gains about as much
_SMALL_SLOPE = 1e-12  # from which on a slope that grows is rounding
_LOG1P_IS_IDENTITY = -37.0  # log1p(eˣ) = eˣ in double precision below it


@dataclass(frozen=True, eq=False)
class ClassGeometry:
    """Where the classes of a minimiser on a full batch sit.

    Attributes:
        gram: (k, k) float64, the inner products of the unit class means. Those between small
            classes weigh little in the loss; they are exact to 1e-8 up to an imbalance of 10,000.
        loss: loss per anchor of collapsed features with these means, as ``supcon_loss`` has it.
        gap: certificate, ≥ 0: no unit features have a loss below ``loss`` − ``gap``.
    """

    gram: Tensor
    loss: float
    gap: float


def lower_bound(class_counts: Sequence[int], temperature: float, nonnegative: bool = True) -> float:
    """What ``supcon_loss`` of unit features on a full batch can't fall below, per anchor.

    Args and errors as ``class_geometry``. Attained for d ≥ k, and d ≥ k − 1 with free signs.
    """
    geometry = class_geometry(class_counts, temperature, nonnegative)
    return geometry.loss - geometry.gap


def class_geometry(
    class_counts: Sequence[int], temperature: float, nonnegative: bool = False
) -> ClassGeometry:
    """The geometry of the features that minimise the loss, for any class sizes.

    With free signs, F is minimised over Γ = UUᵀ, U (k, k) with unit rows (Burer & Monteiro 2003),
    by L-BFGS and then Newton steps. The duality gap certifies the result: with S = ∇F(Γ), y the
    diagonal of SΓ and λ the least eigenvalue of S − diag(y), every correlation matrix X, whose
    trace is k, has F(X) ≥ F(Γ) + ⟨S, X − Γ⟩ ≥ F(Γ) + k·min(0, λ).

    The minimiser is unique, but for the entries of pairs of classes of one sample each: those don't
    act on each other, and with free signs one of the possible values is returned.

    Args:
        class_counts: n_c ≥ 1 of each class; at least one is ≥ 2.
        temperature: τ > 0.
        nonnegative: whether features are entrywise ≥ 0, which makes the Gram matrix the identity.

    Raises:
        ValueError: naming the argument, if a count is not a positive integer, none is ≥ 2, or the
            temperature is not positive.
    """
    frame_loss = supcon_minimum(class_counts, temperature)  # checks the arguments
    identity = torch.eye(len(class_counts), dtype=torch.float64)
    if nonnegative or len(class_counts) == 1:
        return ClassGeometry(identity, frame_loss, 0.0)
    counts = torch.tensor([int(count) for count in class_counts], dtype=torch.float64)
    # Rows as long as √n_c: a step turns a row by its inverse square, so that the many samples of a
    # large class don't dictate the steps of the small ones.
    rows = _quasi_newton(identity * counts.sqrt(), counts, temperature)
    return _certified(_polished(rows, counts, temperature), counts, temperature)


def _log_excess(gram: Tensor, counts: Tensor, temperature: float) -> Tensor:
    """log(F(Γ) − Σ_c n_c log(n_c − 1)): as F, but its gradient doesn't fade as τ falls."""
    anchored = counts >= 2
    logits = (gram - 1) / temperature + counts.log()
    logits = logits.masked_fill(torch.eye(len(counts), dtype=torch.bool), -math.inf)[anchored]
    odds = logits.logsumexp(1) - (counts[anchored] - 1).log()  # (anchored classes,)
    log_losses = odds.clamp(min=_LOG1P_IS_IDENTITY).exp().log1p().log()
    log_losses = torch.where(odds < _LOG1P_IS_IDENTITY, odds, log_losses)
    return (log_losses + counts[anchored].log()).logsumexp(0)


def _gradient(
    rows: Tensor, counts: Tensor, temperature: float, differentiable: bool = False
) -> tuple[Tensor, Tensor]:
    unit = normalize(rows)
    value = _log_excess(unit @ unit.T, counts, temperature)
    return value, torch.autograd.grad(value, rows, create_graph=differentiable)[0]


def _quasi_newton(rows: Tensor, counts: Tensor, temperature: float) -> Tensor:
    """Minimise over the rows, of any length, until rounding of the value hides progress."""

    def value_and_gradient(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        leaf = torch.tensor(flat).view_as(rows).requires_grad_()
        value, gradient = _gradient(leaf, counts, temperature)
        return value.item(), gradient.flatten().numpy()

    options = {"maxiter": 10_000, "maxfun": 20_000, "ftol": 0, "gtol": 1e-9, "maxcor": 20}
    start = rows.flatten().numpy()
    found = minimize(value_and_gradient, start, jac=True, method="L-BFGS-B", options=options)
    return torch.tensor(found.x).view_as(rows)


def _polished(rows: Tensor, counts: Tensor, temperature: float) -> Tensor:
    """Newton steps, which need no values and so aren't stopped by their rounding.

    The angles between small classes weigh little in the loss: it rests long before they settle. The
    steps end when the gradient is rounding, which is noise along rotations.
    """
    least, settled = math.inf, rows
    for _ in range(_NEWTON_STEPS):
        slope, step = _newton_step(rows, counts, temperature)
        if slope < least:
            least, settled = slope, rows
        elif least < _SMALL_SLOPE:
            break
        rows = rows + step
    return settled


def _newton_step(rows: Tensor, counts: Tensor, temperature: float) -> tuple[float, Tensor]:
    """The largest slope, and Hessian · step = −gradient by MINRES: rotations make it singular."""
    leaf = rows.clone().requires_grad_()
    _, gradient = _gradient(leaf, counts, temperature, differentiable=True)

    def hessian_times(direction: NDArray[np.float64]) -> NDArray[np.float64]:
        along = torch.tensor(direction).view_as(leaf)
        product = torch.autograd.grad(gradient, leaf, along, retain_graph=True)[0]
        return product.flatten().numpy()

    downhill = -gradient.detach()
    hessian = LinearOperator((rows.numel(), rows.numel()), hessian_times, dtype=np.float64)
    step, _ = minres(hessian, downhill.flatten().numpy(), rtol=_LINEAR_TOLERANCE)
    return downhill.abs().max().item(), torch.tensor(step).view_as(rows)


def _certified(rows: Tensor, counts: Tensor, temperature: float) -> ClassGeometry:
    unit = normalize(rows)
    gram = (unit @ unit.T).fill_diagonal_(1).requires_grad_()
    value = _log_excess(gram, counts, temperature)
    slopes = torch.autograd.grad(value, gram)[0] * value.exp().item()  # ∂F/∂γ
    slopes = (slopes + slopes.T) / 2  # S
    gram = gram.detach()
    multipliers = (slopes * gram).sum(1)  # y
    least = torch.linalg.eigvalsh(slopes - multipliers.diag())[0].item()
    anchored = counts[counts >= 2]
    total = float((anchored * (anchored - 1).log()).sum() + value.detach().exp())
    anchors = float(anchored.sum())
    return ClassGeometry(gram, total / anchors, max(0.0, -least) * len(counts) / anchors)
