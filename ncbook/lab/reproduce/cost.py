"""What the matrix costs in device hours: measured where a device was at hand, else worked out.

A row's hours on a device are, in this order: the seconds that the row itself took there, if it is
finished; its images over the images a second that ``benchmarks/epochs.py`` measured there. For a
device on which nothing was measured there is only `extrapolate`, from counted operations and the
assumptions of `ACCELERATORS` and `UTILISATION`. The two are never added up.

Hours are those of training. The measurements of a run come on top: each is a forward pass over both
splits, a good third of an epoch, so thirty of them in 350 epochs add some four per cent.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ncbook.errors import NcbookError
from ncbook.lab.config import RunConfig
from ncbook.lab.data.subsets import class_counts
from ncbook.lab.reproduce.matrix import Row

EPOCHS, SPEEDRUN = "epochs.json", "speedrun.json"  # in the folder of reference results


@dataclass(frozen=True)
class Accelerator:
    """A device as its maker and its landlords describe it.

    Attributes:
        name: part of the name by which torch calls it.
        peak: floating-point operations a second in dense bfloat16 matrix products with float32
            sums, from the maker's data sheet; None if nothing is extrapolated to it.
        dollars: assumed price of an hour, in US dollars.
        why: where both come from.
    """

    name: str
    peak: float | None
    dollars: float
    why: str


# Assumptions, all of them here: prices are round numbers to be replaced by what you pay.
ACCELERATORS = (
    Accelerator("H100", 989e12, 3.0, "data sheet of the SXM5 card, without sparsity; rented alone"),
    Accelerator("A100", 312e12, 1.5, "data sheet, without sparsity; rented alone"),
    Accelerator("CPU", None, 0.05, "one virtual core of a rented machine"),
)
# The share of the peak that training reaches. Stages of 64 to 2048 channels fill matrix units; with
# 12 to 64 they don't, and move more bytes than they compute. Each can be wrong by a factor of 3.
UTILISATION = {
    "resnet18": 0.15,
    "resnet50": 0.15,
    "vgg11": 0.15,
    "densenet121": 0.05,
    "densenet40": 0.02,
    "resnet32": 0.02,
}


@dataclass(frozen=True)
class Device:
    """What ``benchmarks/epochs.py`` measured on one device.

    Attributes:
        name: as runs' provenance has it.
        date: ISO, of the measurement.
        precision: of forward and backward.
        versions: of torch and ncbook.
        rates: for each case (`case`) ``images_per_second``, ``seconds_per_step``, ``batch`` and
            ``steps``.
    """

    name: str
    date: str
    precision: str
    versions: Mapping[str, str]
    rates: Mapping[str, Mapping[str, float]]

    @cached_property
    def dollars(self) -> float | None:
        """The assumed price of its hour, or None if none is assumed."""
        return next((a.dollars for a in ACCELERATORS if a.name in self.name), None)


@dataclass(frozen=True)
class Epochs:
    """The file ``reference/epochs.json``.

    Attributes:
        devices: what was measured, device by device.
        flops: floating-point operations of forward and backward for one image, for each case:
            counted, not measured.
    """

    devices: tuple[Device, ...]
    flops: Mapping[str, float]


def read_epochs(folder: Path) -> Epochs:
    """What is known of epochs from the folder of reference results; nothing without the file.

    Raises:
        NcbookError: if the file isn't what ``benchmarks/epochs.py`` writes.
    """
    path = folder / EPOCHS
    if not path.is_file():
        return Epochs((), {})
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Epochs(tuple(Device(**d) for d in content["devices"]), content["flops"])
    except (ValueError, KeyError, TypeError) as error:
        raise NcbookError(
            f"{path} can't be read ({error})", "Restore it, or measure anew"
        ) from error


def case(config: RunConfig) -> str:
    """What decides the pace of a run: its network and its images."""
    return f"{config.model.arch} {config.dataset}"


def epochs_of(config: RunConfig) -> int:
    """The images that a whole run trains on: all epochs, and bound images in every batch.

    A plan of batches is a partition, so a bound image is one more in every batch but its own.
    """
    classes = config.model.num_classes // config.subset.orientations
    counts = class_counts(config.subset, classes)
    images = sum(counts) * config.subset.orientations
    bound = sum(min(config.bind, count) for count in counts) * config.subset.orientations
    batches = math.ceil(images / config.batch_size)
    return config.epochs * (images + bound * (batches - 1))


def measured_hours(
    row: Row, device: Device, finished: Mapping[str, Mapping[str, Any]]
) -> float | None:
    """The hours of a row on a device, or None if nothing was measured that says so.

    Args:
        row: of the matrix.
        device: on which.
        finished: the facts of rows' results by name: ``seconds`` of training, ``device``, and
            ``ranks``, the devices that shared it.
    """
    result = finished.get(row.name)
    if result and result["device"] == device.name:
        return float(result["seconds"]) * int(result.get("ranks", 1)) / 3600
    rate = device.rates.get(case(row.config))
    return None if rate is None else epochs_of(row.config) / rate["images_per_second"] / 3600


def extrapolate(row: Row, accelerator: Accelerator, flops: Mapping[str, float]) -> float:
    """Hours from counted operations, an assumed utilisation and the data sheet: no measurement.

    Raises:
        NcbookError: if the row's operations weren't counted, or nothing is assumed of its network.
    """
    name, arch = case(row.config), row.config.model.arch
    if name not in flops or arch not in UTILISATION or accelerator.peak is None:
        raise NcbookError(
            f"Nothing says what {name} costs on {accelerator.name}",
            "Count it with `ncbook bench epochs`, and state a utilisation in cost.py",
        )
    pace = accelerator.peak * UTILISATION[arch] / flops[name]  # images a second
    return epochs_of(row.config) / pace / 3600


def read_records(folder: Path) -> list[dict[str, Any]]:
    """The speedrun's records from the folder of reference results, in the order they were set.

    Raises:
        NcbookError: if the file isn't what ``benchmarks/speedrun.py`` writes.
    """
    path = folder / SPEEDRUN
    if not path.is_file():
        return []
    try:
        records: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["records"]
    except (ValueError, KeyError, TypeError) as error:
        cure = "Restore it from the repository"
        raise NcbookError(f"{path} can't be read ({error})", cure) from error
    return records
