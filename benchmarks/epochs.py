"""Training rate of every network on every data set of the paper-scale matrix, on this device.

    python benchmarks/epochs.py [--record] [--json PATH]

Each case is the lab's own step (`Session.step`: forward, fused loss, backward, update) at the real
network and image size: two steps to warm up, one to see how long it takes, then whole steps for
some seconds, the host waiting for the device before the first and after the last. Precision is the
row's own, bfloat16 autocast. On CUDA by the wall's clock and at the row's own batch size. On a CPU
by the processor time of the one thread that the lab trains on, and in batches of 32, since a batch
of 512 of the larger networks takes minutes; a rate at such a batch isn't quite that of 512.
What a batch costs to cut and augment is in the rate. The pixels are random: a rate doesn't depend
on what images show, and no data set has to be had. `--record` puts the figures in
`reference/epochs.json` in place of this device's earlier ones, from which the page on cost is made.

Operations for one image, forward and backward of the network, are counted by torch's FlopCounter:
convolutions and matrix products, a multiplication and an addition being two. They are no
measurement and are kept apart from them.
"""

import argparse
import dataclasses
import json
import math
import os
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count, islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a script too
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as ncbook does, but torch comes first here

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch.utils.flop_counter import FlopCounterMode

import ncbook
from benchmarks.measuring import machine
from ncbook.lab.config import RunConfig
from ncbook.lab.data import Dataset, SubsetConfig
from ncbook.lab.data.catalogue import lookup
from ncbook.lab.device import describe, pick_device, prepare
from ncbook.lab.measurement import Split
from ncbook.lab.models import build
from ncbook.lab.reproduce.cost import EPOCHS, case
from ncbook.lab.reproduce.matrix import load_matrix
from ncbook.lab.session import Session
from ncbook.lab.store import write_whole

REFERENCE = Path(__file__).resolve().parents[1] / "reference"
CPU_BATCH = 32
WARM_UP = 2  # steps
SECONDS = 4.0  # of measured steps
Rates = dict[str, dict[str, float]]


def cases() -> dict[str, RunConfig]:
    """The first run of the matrix for each network and data set."""
    found: dict[str, RunConfig] = {}
    for row in load_matrix().rows:
        found.setdefault(case(row.config), row.config)
    return found


def here(config: RunConfig, device: torch.device) -> RunConfig:
    """The run as it is measured on this device, with a few batches an epoch."""
    if device.type == "cpu":
        config = dataclasses.replace(config, batch_size=CPU_BATCH)
    k = config.model.num_classes
    images = math.lcm(config.batch_size, k)  # whole batches of balanced classes
    images *= math.ceil(4 * config.batch_size / images)
    return dataclasses.replace(config, subset=SubsetConfig(images, k))


def noise(config: RunConfig) -> Dataset:
    """Random pixels in the shape of the run's data set, classes as large as the run wants them."""
    spec, k = lookup(config.dataset), config.model.num_classes
    labels = {
        split: np.arange(size) % k
        for split, size in (("train", config.subset.train_size), ("test", k))
    }
    random = np.random.default_rng(0)
    images = {
        split: random.integers(256, size=(len(of), *spec.shape), dtype=np.uint8)
        for split, of in labels.items()
    }
    return Dataset(
        images["train"],
        labels["train"],
        images["test"],
        labels["test"],
        name=config.dataset,
        source="random pixels",
        fallback=False,
        class_names=spec.class_names,
        digest="",
    )


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def measure(config: RunConfig, device: torch.device) -> dict[str, float]:
    """Seconds of a step, and images a second."""
    session = Session(config, noise(config), device)
    session.network.train()
    batches = (batch for _ in count() for batch in session.batches())
    timed(session, batches, WARM_UP)
    one, _ = timed(session, batches, 1)
    steps = max(2, round(SECONDS / one))
    seconds, images = timed(session, batches, steps)
    return {
        "batch": config.batch_size,
        "steps": steps,
        "seconds_per_step": round(seconds / steps, 5),
        "images_per_second": round(images / seconds, 2),
    }


def timed(session: Session, batches: Iterator[Split], steps: int) -> tuple[float, int]:
    """Seconds that so many steps take, and the images they train on."""
    clock = time.process_time if session.device.type == "cpu" else time.perf_counter
    images = 0
    wait(session.device)
    begun = clock()
    for part, labels in islice(batches, steps):
        session.step(part, labels)
        images += len(labels)
    wait(session.device)
    return clock() - begun, images


def flops(config: RunConfig) -> float:
    """Operations of forward and backward for one image: shapes alone, nothing is computed."""
    shape = (1, config.model.in_channels, *lookup(config.dataset).shape[:2])
    with torch.device("meta"):
        network, image = build(config.model), torch.zeros(shape)
    # Evaluation mode counts the same and lets one image pass batch normalisation.
    with FlopCounterMode(display=False) as counter:
        features, logits, _ = network.eval()(image)
        (features if logits is None else logits).sum().backward()
    return float(counter.get_total_flops())


def record(rates: Rates, counted: dict[str, float], device: torch.device) -> None:
    """Put this device's figures in the reference, beside those of other devices."""
    path, name = REFERENCE / EPOCHS, describe(device)
    before = json.loads(path.read_text(encoding="utf-8"))["devices"] if path.is_file() else []
    entry = {
        "name": name,
        "date": datetime.now(UTC).date().isoformat(),
        "precision": " and ".join(sorted({config.precision for config in cases().values()})),
        "versions": {"ncbook": ncbook.__version__, "torch": torch.__version__},
        "rates": rates,
    }
    devices = [one for one in before if one["name"] != name] + [entry]
    text = json.dumps({"flops": counted, "devices": devices}, indent=1) + "\n"
    path.parent.mkdir(exist_ok=True)
    write_whole(path, lambda file: file.write_text(text, encoding="utf-8"))


def show(rates: Rates, counted: dict[str, float]) -> None:
    table = Table(title="Training", caption=machine())
    columns = ("network and data", "batch", "s/step", "images/s", "GFLOP/image (counted)")
    for name in columns:
        table.add_column(name, justify="left" if name == columns[0] else "right")
    for name, figures in rates.items():
        cells = (
            f"{figures[key]:.4g}" for key in ("batch", "seconds_per_step", "images_per_second")
        )
        table.add_row(name, *cells, f"{counted[name] / 1e9:.3g}")
    Console().print(table)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the figures there too")
    parser.add_argument("--record", action="store_true", help="put them in reference/")
    chosen = parser.parse_args(arguments)
    device = pick_device()
    prepare(device)
    if device.type == "cpu":
        torch.set_num_threads(1)
    counted = {name: flops(config) for name, config in cases().items()}
    rates = {name: measure(here(config, device), device) for name, config in cases().items()}
    show(rates, counted)
    if chosen.record:
        record(rates, counted, device)
    if chosen.json:
        text = json.dumps({"machine": machine(), "rates": rates, "flops": counted}, indent=2)
        chosen.json.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
