"""A run on several ranks is the run of one process: loss, gradients, batches, measurements."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch

from ncbook.batching import Sharded
from ncbook.errors import NcbookError
from ncbook.lab.config import RunConfig
from ncbook.lab.memory import fitting
from ncbook.lab.models import ModelConfig
from ncbook.lab.profiles import profile
from ncbook.lab.ranks import group
from ncbook.lab.ranks.group import ALONE, Ranks
from tests import ranks_world as world

TOLERANCE = 1e-9  # of float64, relative; the ranks differ by some 1e-14
# 101 images in batches of 51 and 50, and what is bound: no number of ranks divides them all.
SIZES = {"train_size": 101, "test_size": 31, "batch_size": 51, "augment": True}


def config(loss: str, **changes: Any) -> RunConfig:
    return profile("smoke").config(loss, **SIZES | changes)


STEPS = {
    "contrastive, bound": config("scl", bind=1),
    "contrastive, a classifier it doesn't train": config("scl", bind=0, classifier=True),
    "cross-entropy": config("ce", bind=1),
    "cross-entropy, densely connected": config("ce", arch="densenet10"),
    "cross-entropy, no batch normalisation": config("ce", arch="vit"),
    "contrastive, no batch normalisation": config("scl", bind=2, arch="vit"),
    "cross-entropy, fixed classifier": config("ce", fixed_classifier=torch.eye(10, 64)),
}


def error(found: world.Step, expected: world.Step) -> float:
    """The largest relative error of the loss, of any gradient, and of any running statistic.

    A bias before a normalisation has no gradient but rounding: it is weighed against the others.
    """
    assert found.keys() == expected.keys()
    least = 1e-6 * max(float(value.norm()) for value in expected.values())
    lengths = {name: max(float(value.norm()), least) for name, value in expected.items()}
    return max(float((found[name] - expected[name]).norm()) / lengths[name] for name in lengths)


def assert_alike(row: dict[str, Any], expected: dict[str, Any]) -> None:
    """Rows of a history, but for the time they took."""
    assert row.keys() == expected.keys()
    for name in row.keys() - {"seconds"}:
        close = (
            expected[name] if expected[name] is None else pytest.approx(expected[name], rel=1e-6)
        )
        assert row[name] == close, name


@pytest.mark.parametrize("size", [2, 4])
def test_loss_and_gradients_are_those_of_one_process(size: int) -> None:
    everywhere = world.in_ranks(size, world.first_steps, list(STEPS.values()))
    for case, (name, given) in enumerate(STEPS.items()):
        alone = world.first_step(ALONE, given)
        assert error(alone, alone) == 0
        for steps in everywhere:
            assert error(steps[case], alone) < TOLERANCE, name


def test_what_is_easily_done_wrong_is_found_out() -> None:
    given = STEPS["contrastive, bound"]
    alone = world.first_step(ALONE, given)
    for steps in world.in_ranks(2, world.mistaken_steps, given):
        wrong = {name: error(step, alone) for name, step in steps.items()}
        assert wrong.keys() == world.MISTAKES.keys()
        assert min(wrong.values()) > 0.1, wrong
        # Without the factor, each gradient is half as long as it should be, and the loss is right.
        forgotten = steps["own rows put back"]
        assert float(forgotten["loss"]) == pytest.approx(float(alone["loss"]), rel=TOLERANCE)
        for name in (n for n in alone if n.endswith("weight")):
            torch.testing.assert_close(2 * forgotten[name], alone[name], rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("batching", ["reshuffled", "fixed", "balanced"])
def test_an_epoch_is_shared_without_loss_or_repetition(batching: str) -> None:
    given = config("scl", bind=2, batching=batching, augment=False)
    whole = world.epoch_of_rows(ALONE, given)
    plan = world.session(given).plan
    plan.set_epoch(1)
    shared = world.in_ranks(2, world.epoch_of_rows, given)
    for rank, batches in enumerate(shared):
        expected = Sharded(plan, rank, 2).batches()
        for (rows, labels), share, (_, all_labels) in zip(batches, expected, whole, strict=True):
            assert torch.equal(rows, share)
            assert torch.equal(labels, all_labels)
    seen = torch.cat([rows for batches in shared for rows, _ in batches])
    assert torch.equal(seen.sort().values, torch.cat([rows for rows, _ in whole]).sort().values)
    for parts, (rows, _) in zip(zip(*shared, strict=True), whole, strict=True):
        together = torch.cat([part for part, _ in parts])
        assert together.sort().values.tolist() == rows.sort().values.tolist()
        assert len(together.unique()) == len(together)
        assert set(plan.bound.tolist()) <= set(together.tolist())


def test_an_image_is_augmented_alike_whoever_has_it() -> None:
    given = config("scl", bind=1)
    whole = world.augmented_batch(ALONE, given)
    for rank, images in enumerate(world.in_ranks(2, world.augmented_batch, given)):
        assert torch.equal(images, whole[rank::2])


@pytest.mark.parametrize("loss", ["scl", "ce"])
def test_measurements_are_those_of_one_process(loss: str) -> None:
    # Two images in the smallest class: most of the four ranks see none of it.
    given = config(loss, imbalance="step", ratio=15.0, train_size=300)
    alone = world.measured(ALONE, given)
    for found in world.in_ranks(4, world.measured, given):
        assert_alike(found["row"], alone["row"])
        for name in ("means", "features", "test_features"):
            torch.testing.assert_close(found[name], alone[name], rtol=1e-6, atol=1e-9)


def test_a_whole_training_is_that_of_one_process(tmp_path: Path) -> None:
    given = config("scl", bind=1, epochs=3, measurements=4)
    rows, weights = world.trained(ALONE, given, tmp_path)
    for history, state in world.in_ranks(2, world.trained, given, tmp_path):
        for row, expected in zip(history, rows, strict=True):
            assert_alike(row, expected)
        assert state.keys() == weights.keys()
        for name, value in weights.items():
            torch.testing.assert_close(state[name], value, rtol=1e-6, atol=1e-9)


def test_a_stochastic_code_is_refused() -> None:
    given = dataclasses.replace(config("ce"), model=ModelConfig(code=8))
    assert all("stochastic code" in said for said in world.in_ranks(2, world.refused, given))


def test_a_batch_of_fewer_images_than_ranks_is_refused() -> None:
    with pytest.raises(NcbookError, match="4 ranks can't share 3 images"):
        Ranks(0, 4).share(torch.zeros(3))


def test_provenance_says_how_many_ranks_and_what_is_synchronised() -> None:
    assert ALONE.facts() == {}
    assert Ranks(1, 4).facts() == {"ranks": 4, "batch_norm": "synchronised over all ranks"}


def test_a_share_that_does_not_fit_is_named_without_trying_smaller_ones() -> None:
    with (
        pytest.raises(NcbookError, match="share of 64 images") as caught,
        fitting(64, "a small device", attempt=None),
    ):
        raise torch.OutOfMemoryError
    assert "more devices" in caught.value.cure


def test_a_rank_without_a_device_of_its_own_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_RANK", "2")
    monkeypatch.setattr(group, "pick_device", torch.device)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(NcbookError, match="no cuda device for rank 6, number 3 here") as caught:
        Ranks(6, 8).place("cuda")
    assert "--nproc-per-node 2" in caught.value.cure
    assert Ranks(6, 8).place("cpu") == torch.device("cpu")
