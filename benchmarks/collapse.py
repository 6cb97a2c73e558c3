"""measure_collapse against d×d covariances and a pseudo-inverse, on features as of a ResNet-50.

    python benchmarks/collapse.py [--json PATH]

The peer is NC1 and NC4 as they are commonly written: (d, d) covariances in float32 and
``torch.linalg.pinv``. Medians of runs in alternation; extra memory is the peak resident size of a
fresh process beyond what it held before the call. The target, at 50,000×2048 with 100 classes:
5 times the speed, at most 64 MiB beyond the data, while ncbook measures NC2, NC3 and CDNV as well.
"""

import functools
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a script too
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as ncbook does, but torch comes first here

import torch
from torch import Tensor

from benchmarks.measuring import (
    Figures,
    Work,
    extra_mib,
    json_path,
    median_seconds,
    report,
    save,
)
from ncbook.collapse import measure_collapse

SIZES = ((50_000, 512, 10), (50_000, 2048, 100))
ROUNDS = 3
NAMES = ("ncbook", "covariance and pinv")


def problem(n: int, dim: int, k: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Features around random means, and a classifier that is right about most of them."""
    generator = torch.Generator().manual_seed(0)
    means = torch.randn(k, dim, generator=generator) / 4
    labels = torch.arange(n) % k
    features = torch.randn(n, dim, generator=generator)
    for rows, classes in zip(features.split(1000), labels.split(1000), strict=True):
        rows += means[classes]
    return features, labels, means, -means.square().sum(1) / 2


def by_covariance(
    features: Tensor, labels: Tensor, weight: Tensor, bias: Tensor
) -> tuple[float, float]:
    """NC1 = tr(Σ_W Σ_B⁺)/k and NC4, written as their definitions."""
    k, dim = weight.shape
    means, within = torch.empty(k, dim), torch.zeros(dim, dim)
    for c in range(k):
        members = features[labels == c]
        means[c] = members.mean(0)
        residuals = members - means[c]
        within += residuals.T @ residuals / (len(members) * k)
    spread = means - means.mean(0)
    between = spread.T @ spread / k
    nc1 = torch.trace(within @ torch.linalg.pinv(between)) / k
    decided = (features @ weight.T + bias).argmax(1)
    nearest = torch.cdist(features, means).argmin(1)
    return float(nc1), float((decided != nearest).double().mean())


def by_ncbook(
    features: Tensor, labels: Tensor, weight: Tensor, bias: Tensor
) -> tuple[float, float]:
    result = measure_collapse(features, labels, weight, bias)
    assert result.ncc_disagreement is not None
    return result.nc1, result.ncc_disagreement


WORKS = dict(zip(NAMES, (by_ncbook, by_covariance), strict=True))


def prepare(n: int, dim: int, k: int, name: str) -> Work:
    arguments = problem(n, dim, k)
    WORKS[name](*problem(2 * k, 16, k))
    return functools.partial(WORKS[name], *arguments)


def check_agreement(results: list[tuple[float, float]]) -> None:
    (nc1, ncc), (peer_nc1, peer_ncc) = results
    torch.testing.assert_close(nc1, peer_nc1, rtol=1e-3, atol=0)
    torch.testing.assert_close(ncc, peer_ncc, rtol=0, atol=1e-4)


def measure(n: int, dim: int, k: int) -> Figures:
    arguments = problem(n, dim, k)
    works = {name: functools.partial(work, *arguments) for name, work in WORKS.items()}
    check_agreement([work() for work in works.values()])
    seconds = median_seconds(works, ROUNDS)
    fresh = functools.partial(prepare, n, dim, k)
    return {"seconds": seconds, "extra MiB": {name: extra_mib(fresh, name) for name in NAMES}}


def main(arguments: list[str] | None = None) -> None:
    path = json_path(__doc__, arguments)
    figures = {f"{n}×{dim}, {k} classes": measure(n, dim, k) for n, dim, k in SIZES}
    report("Means, NC1 and NC4", figures)
    save(figures, path)


if __name__ == "__main__":
    main()
