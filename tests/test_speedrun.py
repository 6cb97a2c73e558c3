"""The speedrun: contestants train alike, the clock stops at a measurement, records hold."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.nn.functional import normalize

from benchmarks import speedrun
from benchmarks.epochs import cases, here, noise
from benchmarks.speedrun import Outcome, Racer, Reading, lab_epochs, race, usual_epochs
from benchmarks.usual import reference_collapse, reference_loss
from ncbook.collapse import measure_collapse
from ncbook.lab.config import RunConfig
from ncbook.lab.data import Dataset
from ncbook.lab.profiles import profile
from ncbook.lab.session import Session
from ncbook.lab.streaming import overheard
from ncbook.supcon import supcon_loss

CPU = torch.device("cpu")
FAR, NEAR, THERE = Reading(0.5, 0.4, False), Reading(0.11, 0.01, True), Reading(0.09, 0.01, True)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """As the race on a CPU, and the lab, have it."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def tiny() -> RunConfig:
    sizes = {"train_size": 60, "test_size": 10, "epochs": 2, "batch_size": 20}
    return profile("smoke").config("scl", **sizes)


@pytest.fixture
def data(tiny: RunConfig) -> Dataset:
    return noise(tiny)


@pytest.mark.parametrize("batch", [32, 512])
def test_rates_are_measured_on_whole_batches_of_balanced_classes(batch: int) -> None:
    for config in cases().values():
        sized = here(replace(config, batch_size=batch), torch.device("cuda"))
        images = sized.subset.train_size
        assert images >= 4 * batch
        assert images % batch == images % config.model.num_classes == 0


def test_the_usual_loops_loss_is_the_labs() -> None:
    generator = torch.Generator().manual_seed(0)
    features = normalize(torch.randn(40, 8, generator=generator)).requires_grad_()
    labels = torch.arange(40) % 7
    labels[0] = 7  # no anchor: nobody shares its class
    theirs, ours = reference_loss(features, labels, 0.2), supcon_loss(features, labels, 0.2)
    torch.testing.assert_close(theirs, ours)
    gradients = [torch.autograd.grad(loss, features)[0] for loss in (theirs, ours)]
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("spread", [1.0, 1e-3])
def test_the_usual_loops_collapse_is_the_books(spread: float) -> None:
    generator = torch.Generator().manual_seed(1)
    labels = torch.arange(60) % 6
    features = torch.eye(6, 12)[labels] + spread * torch.randn(60, 12, generator=generator)
    report = measure_collapse(features, labels)
    expected = pytest.approx((report.of_distance, report.nc1), rel=1e-4)
    assert reference_collapse(features, labels) == expected


def test_both_engines_train_the_same_network(tiny: RunConfig, data: Dataset) -> None:
    ours = list(lab_epochs(tiny, data, CPU))[-1]
    theirs = list(usual_epochs(tiny, data, CPU))[-1]
    assert ours.measured
    assert theirs.of_distance == pytest.approx(ours.of_distance, rel=1e-3)
    assert theirs.nc1 == pytest.approx(ours.nc1, rel=1e-2)


def test_listening_changes_nothing(tiny: RunConfig, data: Dataset) -> None:
    racer, plain = Racer(tiny, data, CPU), Session(tiny, data, CPU)
    with overheard(racer.network) as latest:
        racer.begin(latest)
        assert racer.run_epoch() == plain.run_epoch()
    for mine, other in zip(racer.network.parameters(), plain.network.parameters(), strict=True):
        assert torch.equal(mine, other)
    assert racer.sums.counts.sum() == 60 + 2 * 10, "all images, and the bound ones of two batches"


def test_a_measurement_is_taken_only_near_the_finish(
    tiny: RunConfig, data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [reading.measured for reading in lab_epochs(tiny, data, CPU)] == [False, True]
    monkeypatch.setattr(speedrun, "SCREEN", 1e6)
    assert [reading.measured for reading in lab_epochs(tiny, data, CPU)] == [True, True]


def ticking(step: float) -> Iterator[float]:
    now = 0.0
    while True:
        yield now
        now += step


def after(readings: list[Reading], limit: float = 100.0) -> Outcome:
    clock = ticking(1.0)
    return race(iter(readings), 7, lambda: next(clock), limit)


def test_the_race_ends_at_a_measurement_that_confirms() -> None:
    found = after([FAR, NEAR, THERE, FAR])
    assert (found.ending, found.epochs, found.measurements) == ("reached", 3, 2)
    assert found.last == THERE


def test_streamed_numbers_finish_no_race() -> None:
    assert after([replace(THERE, measured=False)]).ending == "schedule over"


def test_a_race_beyond_its_limit_is_cut_off() -> None:
    found = after([FAR] * 50, limit=4.5)
    assert (found.ending, found.epochs) == ("cut off", 5)


def test_seconds_are_of_those_that_finished() -> None:
    reached = Outcome(0, "reached", 3.0, 5, 1, THERE)
    found = speedrun.summary([reached, replace(reached, ending="cut off", seconds=99.0)])
    assert found["reached"] == 1
    assert found["seconds"] == {"median": 3.0, "min": 3.0, "max": 3.0}
    assert speedrun.summary([replace(reached, ending="schedule over")])["seconds"] is None


def test_records_are_added_and_none_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speedrun, "REFERENCE", tmp_path / "reference")
    for limit in (1.0, 2.0):
        speedrun.append(speedrun.report(CPU, limit, {}))
    kept = json.loads((tmp_path / "reference" / "speedrun.json").read_text(encoding="utf-8"))
    assert [record["limit"] for record in kept["records"]] == [1.0, 2.0]


def test_the_record_is_of_the_settings_that_stand_in_the_script(root: Path) -> None:
    records = json.loads((root / "reference" / "speedrun.json").read_text(encoding="utf-8"))
    record = next(r for r in records["records"][::-1] if r["device"].startswith("CPU"))
    tuned = record["contestants"]["tuned"]
    assert RunConfig.from_dict(tuned["settings"]) == speedrun.settings(CPU)[0]
    assert tuned["reached"] == len(tuned["outcomes"]) >= 5
    for outcome in tuned["outcomes"]:
        assert outcome["last"]["of_distance"] < 0.1
        assert outcome["last"]["nc1"] < 0.05
    assert f"{tuned['seconds']['median']:.2f} s" in (speedrun.__doc__ or "")
