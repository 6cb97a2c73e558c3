"""solve_ufm against SciPy: seconds to the same gap, and what an evaluation costs as n grows.

    python benchmarks/ufm.py [--json PATH]

SciPy gets the same loss and gradient, random starts for as long as it needs them, and what suits
it: L-BFGS-B squares, h = u²/‖u²‖, which leave nothing to constrain; SLSQP, whose cost grows with
the cube of n·d, the spheres and the orthant as they are. Both sides stop at a gap of 1e-6, τ = 1;
medians over the same seeds, in alternation. The curve: k = 100, d = 128, τ = 0.1, batches of 1,000
random samples and one bound sample of each class, against the full batch while that is affordable.
To be reached: a gap of 1e-8 for n = 1,000, k = 10, d = 20 in 5 s.
"""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a script too
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as ncbook does, but torch comes first here

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.optimize import minimize
from torch import Tensor
from torch.nn.functional import normalize

from benchmarks.measuring import Figures, Work, json_path, machine, median_seconds, report, save
from ncbook.batching import BatchBinding, Fixed
from ncbook.supcon import supcon_loss
from ncbook.ufm import lower_bound, solve_ufm
from ncbook.ufm.plan import Plan, plan_of

GAP = 1e-6
ROUNDS = 5
SLSQP_PROBLEM, LARGE_PROBLEM = (30, 3, 4), (1000, 10, 20)  # n, k, d
CLASSES, DIM, TEMPERATURE, BATCH = 100, 128, 0.1, 1000  # of the curve
CURVE = (1_000, 3_000, 10_000, 30_000, 100_000)
FULL_BATCH_UP_TO = 10_000
SOLVED_UP_TO = 10_000
Array = NDArray[np.float64]


class Reached(Exception):
    """SciPy's iterate is within the gap: raised out of its objective, to stop it there."""


def equal(n: int, k: int) -> Tensor:
    return torch.arange(n) % k


def unequal(n: int, k: int) -> Tensor:
    """Class sizes that fall by a factor of 0.7 from class to class."""
    shares = torch.tensor([0.7**c for c in range(k)], dtype=torch.float64)
    sizes = (n * shares / shares.sum()).round().long()
    return torch.repeat_interleave(torch.arange(k), sizes)


# --- the same gap ---------------------------------------------------------------------------------


def ours(labels: Tensor, dim: int, gap: float) -> Work:
    seeds = iter(range(100))

    def solve() -> None:
        solution = solve_ufm(labels, dim, seed=next(seeds), tolerance=gap)
        assert solution.gap <= gap, solution.gap

    return solve


def peers(labels: Tensor, dim: int, attempt: Callable[[Array, Tensor, float], None]) -> Work:
    """Attempts from random starts until one gets within the gap."""
    target = lower_bound(torch.bincount(labels).tolist(), 1.0) + GAP
    seeds = iter(range(100))

    def solve() -> None:
        generator = np.random.default_rng(next(seeds))
        while True:
            start = np.abs(generator.standard_normal((len(labels), dim)))
            try:
                attempt(start / np.linalg.norm(start, axis=1, keepdims=True), labels, target)
            except Reached:
                return

    return solve


def squares(start: Array, labels: Tensor, target: float) -> None:
    """L-BFGS-B over u, h = u²/‖u²‖."""

    def objective(flat: Array) -> tuple[float, Array]:
        leaf = torch.tensor(flat).requires_grad_()
        loss = supcon_loss(normalize(leaf.view(start.shape).square()), labels, 1.0)
        if loss.item() <= target:
            raise Reached
        return loss.item(), torch.autograd.grad(loss, leaf)[0].numpy()

    options = {"maxiter": 5000, "maxfun": 5000, "ftol": 1e-14, "gtol": 1e-9}
    minimize(objective, np.sqrt(start).ravel(), jac=True, method="L-BFGS-B", options=options)


def constrained(start: Array, labels: Tensor, target: float) -> None:
    """SLSQP over h ≥ 0 with ‖h_i‖² = 1; its iterate counts once it is projected on both."""
    n, dim = start.shape
    rows = np.repeat(np.eye(n), dim, axis=1)  # (n, n·d): which entries are whose

    def objective(flat: Array) -> tuple[float, Array]:
        leaf = torch.tensor(flat).view(n, dim).requires_grad_()
        loss = supcon_loss(leaf, labels, 1.0)
        feasible = normalize(leaf.detach().clamp(min=0))
        if supcon_loss(feasible, labels, 1.0).item() <= target:
            raise Reached
        return loss.item(), torch.autograd.grad(loss, leaf)[0].numpy().ravel()

    lengths = {
        "type": "eq",
        "fun": lambda flat: rows @ flat**2 - 1,
        "jac": lambda flat: 2 * rows * flat,
    }
    minimize(
        objective,
        start.ravel(),
        jac=True,
        method="SLSQP",
        bounds=[(0, None)] * start.size,
        constraints=lengths,
        options={"maxiter": 1000, "ftol": 1e-14},
    )


def same_gap() -> dict[str, Figures]:
    figures = {}
    for sizes in (equal, unequal):
        for (n, k, dim), attempt in ((SLSQP_PROBLEM, constrained), (LARGE_PROBLEM, squares)):
            labels = sizes(n, k)
            works = {"ncbook": ours(labels, dim, GAP), "SciPy": peers(labels, dim, attempt)}
            size = f"n = {len(labels)}, {sizes.__name__} sizes, {attempt.__name__}"
            figures[size] = {"seconds": median_seconds(works, ROUNDS)}
    return figures


def seconds_to_precision() -> float:
    """The time in which the required gap of 1e-8 is reached, the slower of equal and unequal."""
    n, k, dim = LARGE_PROBLEM
    works = {sizes.__name__: ours(sizes(n, k), dim, 1e-8) for sizes in (equal, unequal)}
    return max(median_seconds(works, ROUNDS).values())


# --- the cost curve -------------------------------------------------------------------------------


def bound_batches(labels: Tensor) -> BatchBinding:
    return BatchBinding(Fixed(labels, BATCH), labels)


def seconds_an_evaluation(plan: Plan, n: int) -> float:
    features = normalize(torch.rand(n, DIM, dtype=torch.float64))
    rounds = 3 if n <= FULL_BATCH_UP_TO else 1
    evaluate = {"": lambda: plan.evaluate(features, TEMPERATURE)}
    return median_seconds(evaluate, rounds)[""]


def seconds_to_gap(labels: Tensor) -> float:
    began = time.perf_counter()
    plan = bound_batches(labels)
    assert solve_ufm(labels, DIM, TEMPERATURE, batches=plan, tolerance=GAP).gap <= GAP
    return time.perf_counter() - began


def cost(n: int) -> dict[str, float]:
    labels = equal(n, CLASSES)
    figures = {
        "evaluation, batches": seconds_an_evaluation(plan_of(labels, bound_batches(labels)), n)
    }
    if n <= FULL_BATCH_UP_TO:
        figures["evaluation, full batch"] = seconds_an_evaluation(plan_of(labels, None), n)
    if n <= SOLVED_UP_TO:
        figures["to the gap, batches"] = seconds_to_gap(labels)
    return figures


def show_curve(curve: dict[int, dict[str, float]]) -> None:
    table = Table("samples", title="Seconds as n grows, k = 100, d = 128", caption=machine())
    columns = curve[CURVE[0]]
    for column in columns:
        table.add_column(column, justify="right")
    for n, figures in curve.items():
        cells = (f"{figures[name]:.3g}" if name in figures else "" for name in columns)
        table.add_row(f"{n:,}", *cells)
    Console().print(table)


def main(arguments: list[str] | None = None) -> None:
    path = json_path(__doc__, arguments)
    figures = same_gap()
    report(f"Unconstrained features to a gap of {GAP:g}", figures)
    seconds = seconds_to_precision()
    print(f"To a gap of 1e-8 at n = 1,000, k = 10, d = 20: {seconds:.2f} s")
    curve = {n: cost(n) for n in CURVE}
    show_curve(curve)
    figures["n = 1000 to a gap of 1e-8"] = {"seconds": {"ncbook": seconds}}
    save(figures | {f"n = {n}": {"seconds": costs} for n, costs in curve.items()}, path)


if __name__ == "__main__":
    main()
