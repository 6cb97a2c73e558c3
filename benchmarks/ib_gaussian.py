"""GaussianBottleneck.fit against what no canonical correlation analysis can do without.

    python benchmarks/ib_gaussian.py [--json PATH]

Two views of 100 collapsed classes, so that 99 correlations are near 1 and get their λ from another
pass over the samples. The peer is no analysis at all, only the pieces: both Gram matrices by
NumPy and one ``numpy.linalg.svd`` of a d×d matrix with its vectors. Medians of runs in alternation;
extra memory is the peak resident size of a fresh process beyond what it held before the call,
in d×d float64 matrices. The target, at 50,000×2048 on both sides: at most 3 times the time of the
pieces, and at most 4 such matrices.
"""

import functools
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a script too
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as ncbook does, but torch comes first here

import numpy as np
from numpy.typing import NDArray

from benchmarks.measuring import (
    Figures,
    Work,
    extra_mib,
    json_path,
    median_seconds,
    report,
    save,
)
from ncbook.ib import GaussianBottleneck

SIZES = ((50_000, 2048),)
CLASSES, NOISE = 100, 1e-3
ROUNDS = 3
NAMES = ("ncbook", "Gram matrices and SVD")
Array = NDArray[np.float64]


def views(n: int, dim: int) -> tuple[Array, Array]:
    """The same class means and independent noise in both."""
    generator = np.random.default_rng(0)
    means = generator.standard_normal((CLASSES, dim))
    x, y = (generator.standard_normal((n, dim)) for _ in range(2))
    for view in (x, y):
        view *= NOISE
        for start in range(0, n, CLASSES):
            rows = view[start : start + CLASSES]
            rows += means[: len(rows)]
    return x, y


def by_ncbook(x: Array, y: Array) -> GaussianBottleneck:
    return GaussianBottleneck.fit(x, y)


def by_pieces(x: Array, y: Array) -> object:
    gram = x.T @ x
    return y.T @ y, np.linalg.svd(gram)


WORKS = dict(zip(NAMES, (by_ncbook, by_pieces), strict=True))


def prepare(n: int, dim: int, name: str) -> Work:
    arguments = views(n, dim)
    WORKS[name](*views(1000, 256))
    return functools.partial(WORKS[name], *arguments)


def check(model: GaussianBottleneck) -> None:
    """The k − 1 directions of the class means, and only they, are shared almost without noise."""
    assert (model.correlations > 0.99).sum() == CLASSES - 1
    assert (model.noise_shares > 0).all()


def measure(n: int, dim: int) -> Figures:
    arguments = views(n, dim)
    check(by_ncbook(*arguments))
    works = {name: functools.partial(work, *arguments) for name, work in WORKS.items()}
    seconds = median_seconds(works, ROUNDS)
    fresh, matrix = functools.partial(prepare, n, dim), dim * dim * 8 / 2**20  # MiB
    extra = {name: extra_mib(fresh, name) / matrix for name in NAMES}
    return {"seconds": seconds, "extra d×d matrices": extra}


def main(arguments: list[str] | None = None) -> None:
    path = json_path(__doc__, arguments)
    figures = {f"{n}×{dim}, both sides": measure(n, dim) for n, dim in SIZES}
    report("Gaussian bottleneck", figures)
    save(figures, path)


if __name__ == "__main__":
    main()
