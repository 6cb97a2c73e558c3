"""The page on cost: device hours and money of the matrix, its spread over GPUs, speed records."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from ncbook.lab.reproduce.cost import (
    ACCELERATORS,
    UTILISATION,
    Accelerator,
    Device,
    Epochs,
    epochs_of,
    extrapolate,
    measured_hours,
    read_epochs,
    read_records,
)
from ncbook.lab.reproduce.matrix import Matrix, Row
from ncbook.lab.reproduce.spread import spread
from ncbook.press.numerals import typeset
from ncbook.press.tables import table

SPREADS = (8, 64, 512)
Facts = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Costs:
    """What is known of cost.

    Attributes:
        matrix: of the paper profile.
        finished: the facts of finished rows' results, by name.
        epochs: what was measured of epochs.
        records: of the speedrun.
    """

    matrix: Matrix
    finished: Facts
    epochs: Epochs
    records: Sequence[Mapping[str, Any]]


def read_costs(matrix: Matrix, finished: Facts, folder: Path) -> Costs:
    """What the folder of reference results says of cost.

    Raises:
        NcbookError: if one of its files can't be read.
    """
    return Costs(matrix, finished, read_epochs(folder), read_records(folder))


def cost_page(costs: Costs) -> str:
    """The text of the page."""
    parts = ["# What it costs", _opening(costs), *_rates(costs.epochs)]
    for device in costs.epochs.devices:
        parts += _measured(costs, device)
    if costs.epochs.flops:
        parts += _extrapolated(costs)
    parts += _replacing()
    parts += _speedrun(costs.records)
    return "\n\n".join(parts) + "\n"


def _opening(costs: Costs) -> str:
    rows = costs.matrix.rows
    images = sum(epochs_of(row.config) for row in rows)
    return (
        f"The {{doc}}`matrix <paper-scale>` has {len(rows)} rows, and by the time all of them are "
        f"trained, networks will have seen {images / 1e9:.1f} × 10⁹ images. Can you "
        "afford it? That depends on how many images a second your device trains on, and only a "
        "measurement can say. So this page keeps two kinds of numbers apart. What was measured "
        "stands with the device it was measured on. What was only worked out, for devices on which "
        "nobody has measured yet, has a section of its own, which begins with its assumptions. "
        "Nothing on this page adds one kind to the other."
    )


def _rates(epochs: Epochs) -> Iterator[str]:
    yield "## Measured: images a second"
    if not epochs.devices:
        yield "Nothing has been measured yet."
        return
    yield (
        "Whole training steps, forward and backward, loss and update, at the network's real size, "
        "by `benchmarks/epochs.py`. The last column is a count, not a measurement: "
        "operations of forward and backward for one image, a multiplication and an addition being "
        "two. If counts decided alone, the product of the two would be the same in every row; "
        "how far it isn't says how much time goes to moving numbers, not computing with them."
    )
    yield "\n".join(f"- {_device(device)}" for device in epochs.devices)
    names = (f"Images a second, {escape(device.name)}" for device in epochs.devices)
    heads = ("Network and data", *names, "GFLOP an image")
    yield table(heads, (_rate(name, epochs) for name in epochs.flops))


def _device(device: Device) -> str:
    batches = sorted({int(rate["batch"]) for rate in device.rates.values()})
    versions = ", ".join(f"{name} {version}" for name, version in device.versions.items())
    size = f"{batches[0]} to {batches[-1]}" if batches[1:] else f"{batches[0]}"
    return escape(
        f"{device.name}: {device.precision}, batches of {size}; {versions}, {device.date}"
    )


def _rate(name: str, epochs: Epochs) -> list[str]:
    found = (device.rates.get(name) for device in epochs.devices)
    cells = (_number(rate["images_per_second"]) if rate else "–" for rate in found)
    return [escape(name), *cells, _number(epochs.flops[name] / 1e9)]


def _measured(costs: Costs, device: Device) -> Iterator[str]:
    hours = {r.name: measured_hours(r, device, costs.finished) for r in costs.matrix.rows}
    known = {name: value for name, value in hours.items() if value is not None}
    own = sum(costs.finished.get(name, {}).get("device") == device.name for name in known)
    yield f"## The matrix at the pace measured on {escape(device.name)}"
    yield (
        f"{_own(own)}For {len(known) - own} of {len(hours)} rows the images of all their epochs "
        "are divided by the measured rate. "
        f"{_price(device)} Measurements during training come on top, about four per cent."
    )
    yield _blocks(costs.matrix, known, device.dollars)
    yield _spread(known)


def _own(finished: int) -> str:
    """How many rows count with their own time."""
    if not finished:
        return ""
    return f"Rows that finished there, {finished} so far, count the time that they took. "


def _price(device: Device) -> str:
    if device.dollars is None:
        return "No price is assumed for this device."
    return f"The price is assumed, not measured: {device.dollars:g} US dollars an hour."


def _blocks(matrix: Matrix, hours: Mapping[str, float], dollars: float | None) -> str:
    """Rows, images, hours and money by block, and together."""
    lines = [_sum(block.title, block.rows, hours, dollars) for block in matrix.blocks]
    lines.append(_sum("Together", matrix.rows, hours, dollars))
    heads = ("Block", "Rows", "Images trained on", "Device hours", "US dollars")
    return table(heads, lines)


def _sum(
    title: str, rows: Iterable[Row], hours: Mapping[str, float], dollars: float | None
) -> list[str]:
    counted = [row for row in rows if row.name in hours]
    spent = sum(hours[row.name] for row in counted)
    images = sum(epochs_of(row.config) for row in counted)
    money = "–" if dollars is None else _number(spent * dollars)
    return [escape(title), str(len(counted)), f"{images / 1e9:.2f} × 10⁹", _number(spent), money]


def _spread(hours: Mapping[str, float]) -> str:
    heads = ("Devices", "Until the last row ends", "Devices busy")
    lines = []
    for devices in SPREADS:
        plan = spread(hours.values(), devices)
        lines.append([str(devices), _duration(plan.makespan), f"{plan.efficiency:.0%}"])
    longest = max(hours, key=lambda name: hours[name])
    return (
        "Spread over several such devices, the longest row first and each on the device that is "
        "free first, which is never more than a third worse than the best plan:\n\n"
        f"{table(heads, lines)}\n\n"
        f"A row stays on one device here, so no number of them ends before the longest row does, "
        f"`{longest}` after {_duration(hours[longest])}. Only sharing each of its batches "
        "among several devices (`torchrun`) breaks that bound."
    )


def _extrapolated(costs: Costs) -> Iterator[str]:
    yield "## Not measured: worked out for accelerators"
    yield (
        "No epoch was measured on the devices below. Their hours are counted operations divided by "
        "peak times utilisation. The peak is from the maker's data sheet. The utilisation, the "
        "share of the peak that training reaches, is an assumption that can be off by a "
        "factor of three either way, and with it every number in this section. "
        "Prices are assumptions too."
    )
    devices = [a for a in ACCELERATORS if a.peak and not _is_measured(a, costs.epochs)]
    yield table(
        ("Accelerator", "Peak, TFLOP/s", "Assumed US dollars an hour", "Why"),
        ([a.name, f"{(a.peak or 0) / 1e12:.0f}", f"{a.dollars:g}", escape(a.why)] for a in devices),
    )
    assumed = ", ".join(f"{arch} {share:.0%}" for arch, share in UTILISATION.items())
    yield f"Assumed utilisation: {assumed}."
    for accelerator in devices:
        hours = {
            row.name: extrapolate(row, accelerator, costs.epochs.flops) for row in costs.matrix.rows
        }
        yield f"### Worked out for {accelerator.name}"
        yield _blocks(costs.matrix, hours, accelerator.dollars)
        yield _spread(hours)


def _is_measured(accelerator: Accelerator, epochs: Epochs) -> bool:
    return any(accelerator.name in device.name for device in epochs.devices)


def _replacing() -> Iterator[str]:
    yield "## How to put a measurement in place of an assumption"
    yield (
        "On a machine with the accelerator, `python benchmarks/epochs.py --record` trains each "
        "network for some seconds and writes the rates into `reference/epochs.json`; "
        "`ncbook bench epochs` shows them without writing. At the next build the device has a "
        "section of its own above, and what was worked out for it is gone. Once "
        "`ncbook reproduce collect` has written the result of a row, its own time counts in place "
        "of the rate's. Prices and utilisation are a few lines at the top of "
        "`ncbook/lab/reproduce/cost.py`."
    )


def _speedrun(records: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield "## A race to collapse"
    yield (
        "How fast can one device get there? The race: supervised contrastive learning with the "
        "last ReLU and balanced classes, from random weights until the features of all training "
        "images have Δ_OF below 0.1 and NC1 below 0.05. The clock includes every measurement, also "
        "those that came too early; reading the data into memory isn't timed for anyone. On a GPU "
        "it is ResNet-18 on all of CIFAR-10, on a CPU ResNet-8 on 300 of its images, and the two "
        "say nothing about one another. *tuned* is this book's engine, its schedule tuned on seeds "
        "that don't race; *paper* the same engine with the schedule of 2306.07960; *usual* the "
        "tuned schedule in the loop that one usually writes, with a DataLoader, the loss from its "
        "formula and a pass over all images after every epoch."
    )
    if not records:
        yield "Nobody has raced yet: `python benchmarks/speedrun.py --record` does."
    for record in records:
        yield from _record(record)


def _record(record: Mapping[str, Any]) -> Iterator[str]:
    versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    yield (
        f"**{escape(record['device'])}**, {record['date']}, {versions}; {escape(record['clock'])}, "
        f"at most {_number(record['limit'])} s a race:"
    )
    heads = ("Contestant", "Seeds at the finish", "Seconds, median (range)", "Epochs", "Ends at")
    yield table(heads, (_contestant(*entry) for entry in record["contestants"].items()))


def _contestant(name: str, facts: Mapping[str, Any]) -> list[str]:
    seconds, outcomes = facts["seconds"], facts["outcomes"]
    time = "not reached"
    if seconds:
        least, middle, most = (_number(seconds[key]) for key in ("min", "median", "max"))
        time = f"{middle} ({least} to {most})"
    worst = max(outcomes, key=lambda one: float(one["last"]["of_distance"]))
    state = "" if worst["last"]["measured"] else " (streamed)"
    epochs = sorted({int(one["epochs"]) for one in outcomes})
    return [
        escape(name),
        f"{facts['reached']} of {len(outcomes)}",
        time,
        f"{epochs[0]} to {epochs[-1]}" if epochs[1:] else str(epochs[0]),
        f"Δ_OF {_number(worst['last']['of_distance'])}, NC1 {_number(worst['last']['nc1'])} "
        f"at worst, {escape(worst['ending'])}{state}",
    ]


def _duration(hours: float) -> str:
    return f"{_number(hours / 24)} days" if hours >= 48 else f"{_number(hours)} hours"


def _number(value: float) -> str:
    """Three digits, without a power of ten where a reader wants none."""
    return f"{value:,.0f}" if abs(value) >= 100 else typeset(f"{value:.3g}")
