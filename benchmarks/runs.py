"""Loading a finished run from the store, beside ``torch.load`` of one file with the same contents.

    python benchmarks/runs.py [--json PATH]

Medians in alternation, in one process, the files in the system's cache. A run as large as the
laptop profile's (ResNet-8, 1,000 + 2,000 images, measured 15 times) is trained first, in a
temporary store that shares nothing with the user's but the data; ``train`` then finds it there.
Every load compares the checksums of all files, which the peer doesn't. The target: 0.2 s.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a script too
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as ncbook does, but torch comes first here

import torch

from benchmarks.measuring import Figures, Work, json_path, median_seconds, report, save
from ncbook.lab.config import RunConfig
from ncbook.lab.data import SubsetConfig, get
from ncbook.lab.paths import data_dir
from ncbook.lab.runs import Run, load_run
from ncbook.lab.training import train

CONFIG = RunConfig(subset=SubsetConfig(1000, 2000), epochs=20, batch_size=125, measurements=30)
ROUNDS = 25
PEER = "torch.load"


def link(source: str, target: str) -> None:
    try:
        Path(target).symlink_to(source)
    except OSError:  # Windows lets only some users make links
        shutil.copyfile(source, target)


@contextmanager
def own_store() -> Iterator[Path]:
    """A temporary cache folder, holding links to CIFAR-10 and no runs, in place of the user's."""
    get(CONFIG.dataset)
    ready = data_dir().resolve() / CONFIG.dataset
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        # File by file: whatever is done to the temporary folder can't reach the user's own.
        shutil.copytree(ready, Path(folder, "data", CONFIG.dataset), copy_function=link)
        with patch.dict(os.environ, NCBOOK_CACHE=folder):
            yield Path(folder)


def load(run_id: str) -> Run:
    run = load_run(run_id)
    assert run is not None, "the run was trained a moment ago"
    return run


def contents(run_id: str) -> dict[str, Any]:
    """All that the store holds of a run, in memory."""
    run = load(run_id)
    return {
        "config": run.config.to_dict(),
        "history": run.history,
        "weights": run.model().state_dict(),
        "features": [run.features(split, raw=True) for split in ("train", "test")],
        "path": run.path,
    }


def works(run: Run, whole: Path) -> dict[str, Work]:
    """What is measured, the peer last."""
    torch.save(contents(run.id), whole)
    return {
        "train(config)": lambda: train(CONFIG),
        "load_run": lambda: load(run.id),
        "load_run and all its arrays": lambda: contents(run.id),
        PEER: lambda: torch.load(whole),
    }


def size_of(run: Run) -> str:
    return f"{sum(file.stat().st_size for file in run.folder.iterdir()) / 2**20:.1f} MiB"


def main(arguments: list[str] | None = None) -> None:
    path = json_path(__doc__, arguments)
    with own_store() as store:
        run = train(CONFIG)
        title = f"A finished run of {size_of(run)}"
        seconds = median_seconds(works(run, store / "whole.pt"), ROUNDS)
    peer = seconds.pop(PEER)
    figures: dict[str, Figures] = {
        name: {"s": {"ncbook": ours, PEER: peer}} for name, ours in seconds.items()
    }
    report(title, figures)
    save(figures, path)


if __name__ == "__main__":
    main()
