"""hard_margin_svm at the size of a trained network's features, and against two solvers.

    python benchmarks/margins.py [--json PATH]

The peers are scikit-learn's LinearSVC (Crammer–Singer, no intercept, C so large that nothing is
violated) and the quadratic programme in CVXPY with Clarabel, at a size that both can do: medians of
runs in alternation, with each one's angle to our solution. The large problem is 50,000×512 with 10
classes, features nearly collapsed or Gaussian and barely separable; CPU seconds too, since those
depend less on what else the machine does. To be reached there: 60 s on two cores, and an angle of
at most 1e-6 to the exact direction, certified.
"""

import functools
import math
import os
import sys
import time
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a script too
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as ncbook does, but torch comes first here

import cvxpy as cp
import torch
from rich.console import Console
from rich.table import Table
from sklearn.svm import LinearSVC
from torch import Tensor

from benchmarks.measuring import Figures, Work, json_path, machine, median_seconds, save
from ncbook.margins import angle, hard_margin_svm

LARGE = (50_000, 512, 10)  # n, d, k
REGIMES = {"nearly collapsed": 0.01, "barely separable": 6.0}  # noise over the length of the means
COMPARED = (500, 50, 5)
COMPARED_NOISE = {"nearly collapsed": 0.01, "barely separable": 1.6}
ROUNDS = 3
TOLERANCE = 1e-6


def problem(n: int, dim: int, k: int, noise: float) -> tuple[Tensor, Tensor]:
    """Gaussian noise around unit means, ``noise`` its root mean square length."""
    generator = torch.Generator().manual_seed(0)
    means = torch.randn(k, dim, generator=generator, dtype=torch.float64)
    means /= means.norm(dim=1, keepdim=True)
    labels = torch.arange(n) % k
    features = torch.randn(n, dim, generator=generator, dtype=torch.float64)
    features *= noise / math.sqrt(dim)
    features += means[labels]
    return features, labels


def by_ncbook(features: Tensor, labels: Tensor) -> Tensor:
    return hard_margin_svm(features, labels, tolerance=TOLERANCE).weight


def by_liblinear(features: Tensor, labels: Tensor) -> Tensor:
    peer = LinearSVC(
        multi_class="crammer_singer", fit_intercept=False, C=1e5, tol=1e-8, max_iter=100_000
    )
    return torch.from_numpy(peer.fit(features.numpy(), labels.numpy()).coef_)


def by_cvxpy(features: Tensor, labels: Tensor) -> Tensor:
    k = int(labels.max()) + 1
    weight = cp.Variable((k, features.shape[1]))
    constraints = []
    for c in range(k):
        scores = features[labels == c].numpy() @ weight.T
        constraints += [scores[:, c] - scores[:, j] >= 1 for j in range(k) if j != c]
    programme = cp.Problem(cp.Minimize(cp.sum_squares(weight) / 2), constraints)
    programme.solve(solver=cp.CLARABEL)
    return torch.from_numpy(weight.value)


SOLVERS = {"ncbook": by_ncbook, "LinearSVC": by_liblinear, "CVXPY": by_cvxpy}


def compare(noise: float) -> Figures:
    data = problem(*COMPARED, noise)
    works: dict[str, Work] = {name: functools.partial(f, *data) for name, f in SOLVERS.items()}
    ours = by_ncbook(*data)
    with warnings.catch_warnings(record=True):  # liblinear's, of a limit reached: its angle tells
        angles = {name: angle(solver(*data), ours) for name, solver in SOLVERS.items()}
        return {"seconds": median_seconds(works, ROUNDS), "angle": angles}


def solve_large(noise: float) -> dict[str, float]:
    features, labels = problem(*LARGE, noise)
    began, began_cpu = time.perf_counter(), time.process_time()
    solution = hard_margin_svm(features, labels, tolerance=TOLERANCE)
    return {
        "seconds": time.perf_counter() - began,
        "CPU seconds": time.process_time() - began_cpu,
        "certified angle": math.asin(math.sqrt(solution.gap)),
        "margin, of the longest": solution.margin / float(features.norm(dim=1).max()),
        "support vectors": int(solution.support.sum()),
    }


def show(title: str, rows: dict[str, dict[str, float]]) -> None:
    columns = next(iter(rows.values()))
    table = Table("", title=title, caption=machine())
    for column in columns:
        table.add_column(column, justify="right")
    for name, figures in rows.items():
        table.add_row(name, *(f"{figures[column]:.4g}" for column in columns))
    Console().print(table)


def main(arguments: list[str] | None = None) -> None:
    path = json_path(__doc__, arguments)
    n, dim, k = COMPARED
    compared = {regime: compare(noise) for regime, noise in COMPARED_NOISE.items()}
    rows = {f"{r}, {q}": v for r, measured in compared.items() for q, v in measured.items()}
    show(f"Hard-margin SVM, {n}×{dim}, {k} classes", rows)
    large = {regime: solve_large(noise) for regime, noise in REGIMES.items()}
    n, dim, k = LARGE
    show(f"Hard-margin SVM, {n:,}×{dim}, {k} classes", large)
    save(compared | {f"{n}×{dim}, {r}": {"ncbook": v} for r, v in large.items()}, path)


if __name__ == "__main__":
    main()
