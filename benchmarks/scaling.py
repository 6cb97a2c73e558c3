"""Many runs on many machines: wall time of training by 1 and 2 workers, and of listing the stores.

    python benchmarks/scaling.py [--json PATH]

The training is part of the smoke matrix: the first seed of batch-binding with the residual network,
on CIFAR-10, MNIST and FashionMNIST. The workers are processes of this machine on one thread each,
so two of them can be twice as fast only where two cores are idle; each number of workers starts
from a cluster that is up and a store that is empty. What is listed are finished runs as the store
keeps them, once in the cache (``ncbook runs list``) and once in a shared store on a disk. The
target: no list of 10,000 runs takes more than a second.
"""

import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a script too
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as ncbook does, but torch comes first here

from benchmarks.measuring import Figures, json_path, median_seconds, report, save
from benchmarks.runs import link
from ncbook.errors import NcbookError
from ncbook.lab import store
from ncbook.lab.cluster import connected, train_on_cluster
from ncbook.lab.config import RunConfig
from ncbook.lab.data import get
from ncbook.lab.listing import list_runs
from ncbook.lab.paths import data_dir, runs_dir
from ncbook.lab.reproduce.matrix import load_matrix
from ncbook.lab.shared import finished, open_store

ROWS = "geometry-resnet18-*-bound-*-0"
EPOCHS = 20  # not 2, or the start of each process would outweigh its training
DATA = ("cifar10", "mnist", "fashionmnist")
WORKERS = (1, 2)
LISTED = (10, 1_000, 10_000)
ROUNDS = 5
FILES = ("features.safetensors", "history.jsonl", "path.safetensors", "weights.safetensors")


@contextmanager
def own_cache() -> Iterator[Path]:
    """A temporary cache with links to the data and no runs, in place of the user's."""
    for name in DATA:
        get(name)
    ready = data_dir().resolve()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        for name in DATA:
            # File by file: whatever is done to the temporary folder can't reach the user's own.
            place = Path(folder, "data", name)
            shutil.copytree(ready / name, place, copy_function=link)
        with patch.dict(os.environ, NCBOOK_CACHE=folder):
            yield Path(folder)


def train(configs: dict[str, RunConfig], workers: int) -> float:
    """Seconds that so many workers need, from a store that is empty."""
    with own_cache(), connected("local", workers) as client:
        client.wait_for_workers(workers)
        client.run(_import)  # what a cluster that has been up for a while has done
        start = time.perf_counter()
        for outcome in train_on_cluster(configs, client.scheduler.address, device="cpu"):
            if not outcome.finished:
                raise NcbookError(f"{outcome.name}: {outcome.cause}", outcome.cure)
        return time.perf_counter() - start


def _import() -> None:
    import ncbook.lab.training  # noqa: F401


def scaling() -> dict[str, Figures]:
    rows = load_matrix("smoke").find([ROWS])
    configs = {row.name: replace(row.config, epochs=EPOCHS) for row in rows}
    seconds = {n: train(configs, n) for n in WORKERS}
    parties = {f"{n} worker{'s' if n > 1 else ''}": seconds[n] for n in reversed(WORKERS)}
    return {f"{len(set(configs.values()))} runs of the smoke matrix": {"s": parties}}


def fill(count: int) -> None:
    """So many finished runs, as a list sees them, in the cache and in the shared store."""
    shared = open_store()
    assert shared is not None, "set below"
    config = RunConfig()
    facts = {"label": config.label, "epochs": 350, "seconds": 4000.0, "created": "2026-01-01"}
    small = {"config.json": config.to_dict(), "provenance.json": facts | {"device": "CPU"}}
    for number in range(count):
        run_id = f"{number:016x}"
        folder = runs_dir() / run_id
        folder.mkdir()
        for name, values in small.items():
            (folder / name).write_text(json.dumps(values, indent=1), encoding="utf-8")
        for name in FILES:
            (folder / name).write_bytes(bytes(1000))
        sums = json.dumps(dict.fromkeys([*small, *FILES], "0" * 64), indent=1)
        (folder / store.MANIFEST).write_text(sums, encoding="utf-8")
        shared.write(sums.encode(), "manifests", f"{run_id}.json")


def listing(count: int) -> Figures:
    """Seconds to list so many runs in the cache, beside the shared store."""
    with tempfile.TemporaryDirectory() as folder:
        places = {"NCBOOK_CACHE": f"{folder}/cache", "NCBOOK_STORE": f"{folder}/shared"}
        with patch.dict(os.environ, places):
            fill(count)
            shared = open_store()
            assert shared is not None, "set above"
            works = {"in the cache": list_runs, "in a shared store": lambda: finished(shared)}
            return {"s": median_seconds(works, ROUNDS)}


def main(arguments: list[str] | None = None) -> None:
    path = json_path(__doc__, arguments)
    lists = {f"{count} runs listed": listing(count) for count in LISTED}
    report("Listing runs", lists)
    trained = scaling()
    report("Training on a local cluster", trained)
    save(lists | trained, path)


if __name__ == "__main__":
    main()
