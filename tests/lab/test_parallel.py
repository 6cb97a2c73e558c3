"""Runs side by side are the runs one after the other."""

import dataclasses
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from ncbook.errors import NcbookError
from ncbook.lab.config import RunConfig
from ncbook.lab.data import SubsetConfig
from ncbook.lab.models import ModelConfig
from ncbook.lab.parallel import _cost, _shares, cores, train_all
from ncbook.lab.profiles import profile
from ncbook.lab.training import train


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that worker processes see too, with the data of the user's own cache."""
    from ncbook.lab.paths import data_dir

    data = data_dir()
    monkeypatch.setenv("NCBOOK_CACHE", str(tmp_path))
    (tmp_path / "data").symlink_to(data, target_is_directory=True)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    return tmp_path


def test_side_by_side_gives_the_same_bits(cache: Path, tiny: RunConfig) -> None:
    configs = [dataclasses.replace(tiny, epochs=2, seed=seed) for seed in (0, 1, 2)]
    together = [load_file(run.folder / "weights.safetensors") for run in train_all(configs, "cpu")]
    (cache / "runs").rename(cache / "before")
    for config, weights in zip(configs, together, strict=True):
        alone = load_file(train(config, "cpu").folder / "weights.safetensors")
        assert all(torch.equal(alone[name], weights[name]) for name in alone)


def test_runs_come_in_the_order_asked_for_and_twice_if_asked_twice(
    cache: Path, tiny: RunConfig
) -> None:
    one, two = (dataclasses.replace(tiny, epochs=1, seed=seed) for seed in (0, 1))
    runs = train_all([two, one, two], "cpu")
    assert [run.config.seed for run in runs] == [1, 0, 1]


def test_an_error_in_a_worker_reaches_the_reader(cache: Path, tiny: RunConfig) -> None:
    bad = dataclasses.replace(tiny, loss="ce", model=ModelConfig(), lr=1e30)
    with pytest.raises(NcbookError, match="diverged") as caught:
        train_all([bad, dataclasses.replace(bad, seed=1)], "cpu")
    assert caught.value.exit_code == 1


def test_a_plan_keeps_its_keys(cache: Path) -> None:
    lab = profile("smoke", device="cpu")
    settings = {"epochs": 1, "train_size": 40, "test_size": 20, "batch_size": 20}
    plan = {last: lab.configs("scl", last_activation=last, **settings) for last in ("relu", "none")}
    for last, runs in lab.run(plan).items():
        assert [run.config.seed for run in runs] == [0, 1]
        assert {run.config.model.last_activation for run in runs} == {last}


def test_shares_are_even(tiny: RunConfig) -> None:
    configs = [dataclasses.replace(tiny, epochs=epochs) for epochs in (1, 2, 3, 4, 5, 9)]
    loads = [sum(config.epochs for config in share) for share in _shares(configs, 2)]
    assert sorted(loads) == [12, 12]


def test_turned_images_cost_as_much_as_others(tiny: RunConfig) -> None:
    """480 images: of 10 classes, of 40 at four angles; under imbalance 4 · (5 · 12 + 5 · 1)."""
    crowd = dataclasses.replace(tiny.model, num_classes=40)
    plain = dataclasses.replace(tiny, subset=SubsetConfig(480, 40))
    turned = dataclasses.replace(plain, model=crowd, subset=SubsetConfig(480, 40, orientations=4))
    assert _cost(turned) == _cost(plain) == 4 * 480 * 16
    uneven = SubsetConfig(480, 40, "step", 12.0, orientations=4)
    assert _cost(dataclasses.replace(turned, subset=uneven)) == 4 * 260 * 16


def test_cores_follow_the_share_that_a_chapter_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert cores() == 3
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert cores() == (os.cpu_count() or 1)
