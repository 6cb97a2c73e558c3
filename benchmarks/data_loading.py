"""Loading prepared CIFAR-10, beside torchvision reading the same images from its own folder.

    python benchmarks/data_loading.py [--json PATH]

Medians, in alternation, of fresh processes; what is timed is the call, imports not counted. "Cold"
is with the prepared files dropped from the system's cache first, where the system allows it; "cut"
is copying a subset of 1,000 + 2,000 images. The target: a load within 0.5 s. CIFAR-10 is got first
if it isn't in the cache; torchvision's folder is written from it, and its check of the MD5 sums,
which batches pickled anew can't pass, is left out in its favour.
"""

import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a script too

from benchmarks.measuring import json_path, report, save
from ncbook.lab.data import Dataset, get
from ncbook.lab.paths import data_dir

ROUNDS = 5
PEER = "torchvision"
LOAD = """
from ncbook.lab.data import load_dataset
{warm}
begun = time.perf_counter()
load_dataset()
"""
SUBSET = """
from ncbook.lab.data import SubsetConfig, load_dataset, subset
begun = time.perf_counter()
subset(load_dataset(), SubsetConfig(1000, 2000))
"""
TORCHVISION = """
from torchvision.datasets import CIFAR10
CIFAR10._check_integrity = lambda self: True
CIFAR10._load_meta = lambda self: None
begun = time.perf_counter()
CIFAR10({folder!r}), CIFAR10({folder!r}, train=False)
"""


def call_seconds(program: str, prepare: Callable[[], None] = lambda: None) -> float:
    """What the timed part of ``program`` takes in a fresh process."""
    prepare()
    whole = f"import time\n{program}\nprint(time.perf_counter() - begun)"
    done = subprocess.run(
        [sys.executable, "-c", whole], check=True, stdout=subprocess.PIPE, encoding="utf-8"
    )
    return float(done.stdout)


def drop_from_system_cache() -> None:
    """Let the system forget the prepared files, so that they are read from the disk again."""
    for path in (data_dir() / "cifar10").iterdir():
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def write_torchvision_folder(dataset: Dataset, root: Path) -> None:
    """The data set as five pickled training batches and one of test images."""
    folder = root / "cifar-10-batches-py"
    folder.mkdir()
    images = [*dataset.train_images.reshape(5, 10_000, 32, 32, 3), dataset.test_images]
    labels = [*dataset.train_labels.reshape(5, 10_000), dataset.test_labels]
    names = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
    for name, pixels, classes in zip(names, images, labels, strict=True):
        planes = pixels.transpose(0, 3, 1, 2).reshape(10_000, 3072)
        with (folder / name).open("wb") as file:
            pickle.dump({"data": planes, "labels": classes.tolist()}, file, protocol=2)


def works(folder: str) -> dict[str, Callable[[], float]]:
    """What is measured, the peer last."""
    warm = {
        "load": partial(call_seconds, LOAD.format(warm="")),
        "load again in one process": partial(call_seconds, LOAD.format(warm="load_dataset()")),
        "load and cut": partial(call_seconds, SUBSET),
    }
    cold = {
        "load, cold": partial(call_seconds, LOAD.format(warm=""), drop_from_system_cache),
        "load and cut, cold": partial(call_seconds, SUBSET, drop_from_system_cache),
    }
    peer = {PEER: partial(call_seconds, TORCHVISION.format(folder=folder))}
    return warm | (cold if hasattr(os, "posix_fadvise") else {}) | peer


def main(arguments: list[str] | None = None) -> None:
    path = json_path(__doc__, arguments)
    with tempfile.TemporaryDirectory() as root:
        write_torchvision_folder(get("cifar10"), Path(root))
        rounds = [{name: work() for name, work in works(root).items()} for _ in range(ROUNDS)]
    seconds = {name: median(one[name] for one in rounds) for name in rounds[0]}
    peer = seconds.pop(PEER)
    figures = {name: {"s": {"ncbook": ours, PEER: peer}} for name, ours in seconds.items()}
    report("CIFAR-10, prepared", figures)
    save(figures, path)


if __name__ == "__main__":
    main()
