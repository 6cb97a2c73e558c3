"""Is the orthogonal frame unique, for a million samples in 10,000 batches, against networkx.

    python benchmarks/batching.py [--json PATH]

From the batches, lists of 100 indices before any binding, to the verdict at d = k + 1. One run
each after a first that is not counted; extra memory is the peak resident size of a fresh process
beyond what it held before the call, the batches among that. The target: 10 s and 1 GiB.
"""

import functools
import itertools
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a script too
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as ncbook does, but torch comes first here

import networkx as nx
import torch

from benchmarks.measuring import (
    Figures,
    Work,
    extra_mib,
    json_path,
    median_seconds,
    report,
    save,
)
from ncbook.batching import BatchBinding, BatchPlan, Fixed, interaction_graph

SAMPLES, BATCH_SIZE = 1_000_000, 100
PLANS = tuple(itertools.product((10, 100), (0, 1)))  # classes, and how many of each are bound
ROUNDS = 1
NAMES = ("ncbook", "networkx")
Batches = list[list[int]]


def plan(samples: int, k: int, bound: int) -> tuple[Batches, list[int]]:
    labels = torch.randint(k, (samples,), generator=torch.Generator().manual_seed(0))
    sampler: BatchPlan = Fixed(labels, BATCH_SIZE)
    return list(BatchBinding(sampler, labels, bound)), labels.tolist()


def verdict(name: str, batches: Batches, labels: list[int], k: int) -> bool:
    if name == "ncbook":
        return interaction_graph(batches, labels).is_unique(k + 1)
    return peer_verdict(batches, labels, k)


def peer_verdict(batches: Batches, labels: list[int], k: int) -> bool:
    """Enough for these plans, in which no batch is of a single class."""
    ties, active = nx.Graph(), nx.Graph()
    ties.add_nodes_from(range(len(labels)))
    for batch in batches:
        shares: dict[int, list[int]] = {}
        for i in batch:
            shares.setdefault(labels[i], []).append(i)
        for samples in shares.values():
            nx.add_path(ties, samples)
        if active.number_of_edges() < k * (k - 1) // 2:
            anchored = [c for c, samples in shares.items() if len(samples) >= 2]
            active.add_edges_from((a, b) for a in anchored for b in shares if a != b)
    complete = active.number_of_edges() == k * (k - 1) // 2
    return complete and nx.number_connected_components(ties) == k


def check_agreement(k: int, bound: int) -> None:
    for name in NAMES:
        assert verdict(name, *plan(20_000, k, bound), k) is (bound > 0)


def prepare(k: int, bound: int, name: str) -> Work:
    verdict(name, *plan(1000, k, bound), k)
    return functools.partial(verdict, name, *plan(SAMPLES, k, bound), k)


def measure(k: int, bound: int) -> Figures:
    check_agreement(k, bound)
    works = {name: prepare(k, bound, name) for name in NAMES}
    return {
        "seconds": median_seconds(works, ROUNDS),
        "extra MiB": {
            name: extra_mib(functools.partial(prepare, k, bound), name) for name in NAMES
        },
    }


def main(arguments: list[str] | None = None) -> None:
    path = json_path(__doc__, arguments)
    figures = {f"{k} classes, {bound} bound": measure(k, bound) for k, bound in PLANS}
    report("Uniqueness of the orthogonal frame, 1,000,000 samples in 10,000 batches", figures)
    save(figures, path)


if __name__ == "__main__":
    main()
