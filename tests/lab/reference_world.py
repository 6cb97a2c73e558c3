"""Finished runs and reference results for the tests of paper scale."""

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from ncbook.collapse import measure_collapse
from ncbook.geometry import mean_cosine, simplex_etf
from ncbook.lab.config import RunConfig
from ncbook.lab.reproduce.matrix import Matrix, Pair, Row, load_matrix
from ncbook.lab.reproduce.reference import Reference
from ncbook.lab.runs import Run

MODULES = ("ncbook.lab.runs", "ncbook.lab.training", "ncbook.lab.reproduce.collect")


def keep_runs_in(folder: Path, patch: pytest.MonkeyPatch) -> Path:
    """An empty run store; the data sets stay in the user's cache."""
    folder.mkdir()
    for module in MODULES:
        patch.setattr(f"{module}.runs_dir", lambda: folder)
    return folder


def part(patterns: Iterable[str], profile: str = "smoke", **changes: Any) -> Matrix:
    """The matrix with some of its rows, and the comparisons that these allow.

    Args:
        patterns: of names.
        profile: of the matrix.
        **changes: settings that all rows get.
    """
    whole = load_matrix(profile)
    chosen = {row.name: _changed(row, changes) for row in whole.find(patterns)}
    blocks = []
    for block in whole.blocks:
        rows = tuple(chosen[row.name] for row in block.rows if row.name in chosen)
        pairs = tuple(_with(pair, chosen) for pair in block.pairs if _whole(pair, chosen))
        blocks.append(dataclasses.replace(block, rows=rows, pairs=pairs))
    return Matrix(tuple(block for block in blocks if block.rows))


def _changed(row: Row, changes: Mapping[str, Any]) -> Row:
    return dataclasses.replace(row, settings=(*row.settings, *changes.items()))


def _whole(pair: Pair, chosen: Mapping[str, Row]) -> bool:
    return all(row.name in chosen for row in pair.rows)


def _with(pair: Pair, chosen: Mapping[str, Row]) -> Pair:
    first, second = (chosen[row.name] for row in pair.rows)
    return dataclasses.replace(pair, rows=(first, second))


def fabricated_run(
    config: RunConfig, train: tuple[torch.Tensor, torch.Tensor], test: tuple[Any, Any]
) -> Run:
    """What looks like a finished contrastive run with these features; for arithmetic only."""
    statistics = measure_collapse(*train).to_dict()
    means = torch.stack([train[0][train[1] == c].double().mean(0) for c in train[1].unique()])
    right = [
        float((torch.cdist(h.double(), means).argmin(1) == y).double().mean())
        for h, y in (train, test)
    ]
    row = statistics | {
        "epoch": 1,
        "mean_cosine": mean_cosine(means, centre=False),
        "train_accuracy": right[0],
        "test_accuracy": right[1],
    }
    told = {
        "data": config.dataset,
        "data_source": "directory /srv/somebody/data",
        "data_digest": "d",
        "device": "a fabricated one",
        "ncbook": "0",
        "torch": "0",
        "seconds": 1.0,
        "created": "2026-01-01T00:00:00+00:00",
        "fallback": False,
    }
    return SimpleNamespace(  # type: ignore[return-value]
        id=config.run_id("d"),
        config=config,
        history=[row],
        provenance=told,
        curve=lambda name: [row[name]],
        features=lambda split: train if split == "train" else test,
    )


def cloud(num_classes: int, dim: int, each: int, noise: float, seed: int) -> tuple[Any, Any]:
    """Unit features around the vertices of a simplex, (n, d) float32, and labels (n,)."""
    draw = torch.Generator().manual_seed(seed)
    labels = torch.arange(num_classes).repeat(each)
    means = simplex_etf(num_classes, dim)[labels]
    features = means + noise * torch.randn(means.shape, generator=draw, dtype=torch.float64)
    return torch.nn.functional.normalize(features, dim=1).float(), labels


def reference(row: Row, curves: Mapping[str, list[float]], **facts: Any) -> Reference:
    """A result with these curves, whose ends are its numbers, and nothing to prove them."""
    told = {
        "kind": "run",
        "name": row.name,
        "run": row.config.run_id("d"),
        "label": row.config.label,
        "config": row.config.to_dict(),
        "data": {"name": row.config.dataset, "source": "a mirror", "digest": "d"},
        "device": "an accelerator",
        "versions": {"ncbook": "1", "torch": "2"},
        "seconds": 100.0,
        "metrics": {name: values[-1] for name, values in curves.items()},
        "curves": dict(curves),
    }
    return Reference(row.name, told | facts, {"means": np.zeros((1, 1))})
