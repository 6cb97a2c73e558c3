"""What the matrix costs: images batch by batch, hours by hand, spreads against all plans."""

import json
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ncbook.batching import BatchBinding, Reshuffled
from ncbook.errors import NcbookError
from ncbook.lab.config import RunConfig
from ncbook.lab.data import SubsetConfig
from ncbook.lab.reproduce.cost import (
    ACCELERATORS,
    UTILISATION,
    Device,
    case,
    epochs_of,
    extrapolate,
    measured_hours,
    read_epochs,
    read_records,
)
from ncbook.lab.reproduce.matrix import load_matrix
from ncbook.lab.reproduce.spread import spread

ROW = load_matrix().find(["terminal-vgg11-cifar10-0"])[0]
H100 = next(a for a in ACCELERATORS if a.name == "H100")


def device(name: str = "a fast one") -> Device:
    rates = {"vgg11 cifar10": {"images_per_second": 5000.0}}
    return Device(name, "2026-11-22", "bfloat16", {"torch": "2"}, rates)


@pytest.mark.parametrize("bind", [0, 1, 3])
def test_images_are_those_that_the_batches_hold(bind: int) -> None:
    part = SubsetConfig(train_size=100, imbalance="step", ratio=5.0)
    config = RunConfig(subset=part, batch_size=7, bind=bind, epochs=3)
    labels = torch.cat([torch.full((10 if c < 5 else 2,), c) for c in range(10)])
    plan = BatchBinding(Reshuffled(labels, config.batch_size), labels, bind)
    held = 0
    for epoch in range(config.epochs):
        plan.set_epoch(epoch)
        held += sum(len(batch) for batch in plan.batches())
    assert epochs_of(config) == held


def test_hours_are_images_over_the_measured_rate() -> None:
    assert epochs_of(ROW.config) == 350 * 50_000
    assert measured_hours(ROW, device(), {}) == pytest.approx(350 * 50_000 / 5000 / 3600)


def test_a_finished_rows_own_time_counts_in_place_of_the_rate() -> None:
    own = {ROW.name: {"seconds": 7200.0, "device": "a fast one", "ranks": 4}}
    assert measured_hours(ROW, device(), own) == 8.0, "four devices, two hours each"
    assert measured_hours(ROW, device("another"), own) == pytest.approx(350 * 10 / 3600)


def test_what_nobody_measured_has_no_hours() -> None:
    other = next(row for row in load_matrix().rows if case(row.config) != case(ROW.config))
    assert measured_hours(other, device(), {}) is None


def test_extrapolation_is_operations_over_peak_and_utilisation() -> None:
    flops = {"vgg11 cifar10": 1e9}
    expected = 350 * 50_000 * 1e9 / (989e12 * UTILISATION["vgg11"]) / 3600
    assert extrapolate(ROW, H100, flops) == pytest.approx(expected)
    with pytest.raises(NcbookError, match="Nothing says what vgg11 cifar10 costs on H100"):
        extrapolate(ROW, H100, {})


def test_every_network_of_the_matrix_has_an_assumed_utilisation() -> None:
    assert {row.config.model.arch for row in load_matrix().rows} == set(UTILISATION)


def test_every_case_of_the_matrix_is_in_the_reference(root: Path) -> None:
    epochs = read_epochs(root / "reference")
    cases = {case(row.config) for row in load_matrix().rows}
    assert set(epochs.flops) == cases
    assert epochs.devices
    for measured in epochs.devices:
        assert set(measured.rates) == cases
        assert measured.dollars is not None


def test_operations_in_the_reference_are_those_of_the_network(root: Path) -> None:
    # VGG11's convolutions: 9·(in)·(out) products for each place of each map, two operations each,
    # forward once and backward twice but for the images' own gradient; then the classifier.
    layers = [(3, 64, 32), (64, 128, 16), (128, 256, 8), (256, 256, 8), (256, 512, 4)]
    layers += [(512, 512, 4), (512, 512, 2), (512, 512, 2)]
    products = sum(9 * before * after * side**2 for before, after, side in layers)
    first, classifier = 9 * 3 * 64 * 32**2, 512 * 10
    expected = 2 * (3 * products - first + 3 * classifier)
    assert read_epochs(root / "reference").flops["vgg11 cifar10"] == expected


def test_without_files_nothing_is_known(tmp_path: Path) -> None:
    assert read_epochs(tmp_path).devices == ()
    assert read_records(tmp_path) == []


@pytest.mark.parametrize("text", ["{", '{"devices": []}', '{"devices": [{"gpu": 1}], "flops": {}}'])
def test_a_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "epochs.json").write_text(text, encoding="utf-8")
    with pytest.raises(NcbookError, match=r"epochs\.json can't be read"):
        read_epochs(tmp_path)


def test_damaged_records_are_named(tmp_path: Path) -> None:
    (tmp_path / "speedrun.json").write_text(json.dumps([1]), encoding="utf-8")
    with pytest.raises(NcbookError, match=r"speedrun\.json can't be read"):
        read_records(tmp_path)


def best(hours: Sequence[int], devices: int) -> int:
    """The least time over all plans."""
    plans = product(range(devices), repeat=len(hours))
    return min(
        max(sum(h for h, at in zip(hours, plan, strict=True) if at == d) for d in range(devices))
        for plan in plans
    )


@given(st.lists(st.integers(1, 20), min_size=1, max_size=6), st.integers(1, 3))
def test_a_spread_is_within_grahams_bound_of_the_best_plan(hours: list[int], devices: int) -> None:
    found, least = spread(hours, devices), best(hours, devices)
    assert least <= found.makespan <= (4 / 3 - 1 / (3 * devices)) * least + 1e-9
    assert found.makespan >= max(found.longest, found.busy / devices)
    assert 0 < found.efficiency <= 1


def test_grahams_worst_case_is_reached() -> None:
    assert spread([5, 5, 4, 4, 3, 3, 3], 3).makespan == 11
    assert best([5, 5, 4, 4, 3, 3, 3], 3) == 9


def test_more_devices_than_runs_end_with_the_longest() -> None:
    found = spread([2.0, 3.0], 512)
    assert found.makespan == found.longest == 3.0
    assert found.efficiency == 5 / (512 * 3)


def test_nothing_cannot_be_spread() -> None:
    with pytest.raises(NcbookError, match="0 runs can't be spread over 8 devices"):
        spread([], 8)
