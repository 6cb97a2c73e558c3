"""Rows trained, interrupted, failed and surveyed, in a store of their own."""

import json
from pathlib import Path

import pytest
import torch
from filelock import FileLock
from typer.testing import CliRunner

from ncbook.cli.app import app
from ncbook.errors import NcbookError
from ncbook.lab import checkpoint
from ncbook.lab.data import loading
from ncbook.lab.memory import fitting
from ncbook.lab.paths import data_dir
from ncbook.lab.reproduce.matrix import Row, load_matrix
from ncbook.lab.reproduce.status import images, survey
from ncbook.lab.reproduce.work import train_rows
from ncbook.lab.session import Session

CHEAP = "geometry-resnet18-cifar10-balanced-fixed-relu-*"
NAMES = [CHEAP.replace("*", seed) for seed in "012"]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty run store beside the user's own data."""
    (tmp_path / "data").symlink_to(data_dir(), target_is_directory=True)
    monkeypatch.setenv("NCBOOK_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture
def rows(cache: Path) -> list[Row]:
    return load_matrix("smoke").find([CHEAP])


def ncbook(*words: str) -> tuple[int, str]:
    # Written to a pipe, tables are wide enough for whole lines.
    result = CliRunner().invoke(app, ["reproduce", *words, "--profile", "smoke"])
    if isinstance(result.exception, NcbookError):
        return result.exception.exit_code, result.output + str(result.exception)
    return result.exit_code, result.output


def interrupt(row: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    """Train a row and stop it in the middle of its second epoch, a checkpoint taken."""
    step = Session.step

    def stop(session: Session, *batch: object) -> object:
        if (session.epoch, session.batch) == (1, 1):
            raise KeyboardInterrupt
        return step(session, *batch)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Session, "step", stop)
        patch.setattr(checkpoint, "LEAST_PAUSE", -1.0)
        patch.setattr(checkpoint, "TIMES_WRITING", 0)
        with pytest.raises(KeyboardInterrupt):
            list(train_rows([row], "cpu"))


def test_rows_go_from_waiting_to_done_and_time_tells_what_is_left(
    rows: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert {(s.state, s.left, s.seconds) for s in survey(rows)} == {("waiting", None, 0.0)}
    (outcome,) = train_rows(rows[:1], "cpu")
    interrupt(rows[1], monkeypatch)
    first, second, third = survey(rows)
    assert (first.state, first.run_id, first.left) == ("done", outcome.run_id, 0.0)
    assert first.seconds == outcome.seconds > 0
    assert (second.state, second.note) == ("waiting", "stopped in epoch 2")
    assert second.left == pytest.approx(second.seconds, rel=0.5)  # one epoch of two is done
    timed = [first.seconds / first.epochs, second.seconds / second.epochs]
    assert third.left == pytest.approx(third.row.config.epochs * sum(timed) / 2, rel=0.4)
    list(train_rows(rows, "cpu"))
    assert [s.state for s in survey(rows)] == ["done"] * 3


def test_a_cache_that_cannot_be_written_to_is_said_once(
    rows: list[Row], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("NCBOOK_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(NcbookError, match="can't be written to"):
        list(train_rows(rows, "cpu"))


def test_memory_that_ends_outside_a_step_is_the_failure_of_one_row(
    rows: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    record = Session.record

    def full(session: Session, loss: float | None) -> None:
        if session.config == rows[0].config:
            raise torch.OutOfMemoryError("CUDA out of memory")
        record(session, loss)

    monkeypatch.setattr(Session, "record", full)
    first, second = train_rows(rows[:2], "cpu")
    assert "don't fit into the memory" in first.cause
    assert second.finished


def test_a_rank_that_failed_alone_goes_on_to_no_other_row(
    rows: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others would wait for it in the row that it left."""

    def share_too_large(*_: object) -> None:
        with fitting(30, "a GPU", attempt=None):
            raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Session, "step", share_too_large)
    with pytest.raises(NcbookError, match="A rank's share of 30 images"):
        list(train_rows(rows, "cpu"))


def test_what_a_process_is_training_is_running(cache: Path, rows: list[Row]) -> None:
    run_id = survey(rows)[0].run_id
    with FileLock(cache / "runs" / f"{run_id}.lock"):
        assert [s.state for s in survey(rows)] == ["running", "waiting", "waiting"]
    assert survey(rows)[0].state == "waiting"


def test_a_row_that_fails_says_why_and_stops_no_other(
    rows: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    def diverge(session: Session, *batch: object) -> object:
        if session.config.seed == 1:
            raise NcbookError("Training diverged", "Lower the rate")
        return step(session, *batch)  # type: ignore[arg-type]

    step = Session.step
    with monkeypatch.context() as patch:
        patch.setattr(Session, "step", diverge)
        code, said = ncbook("run", CHEAP, "--device", "cpu")
    assert code == 1
    assert f"{NAMES[1]}: failed: Training diverged. Lower the rate." in said
    assert "1 of 3 rows failed" in said
    assert [s.state for s in survey(rows)] == ["done", "failed", "done"]
    code, said = ncbook("status", CHEAP)
    (line,) = [line for line in said.splitlines() if "failed" in line and NAMES[1] in line]
    assert "Training diverged" in line
    assert ncbook("run", CHEAP, "--device", "cpu")[0] == 0
    assert [s.state for s in survey(rows)] == ["done"] * 3


def test_an_unknown_row_is_refused_before_anything_begins(cache: Path) -> None:
    code, said = ncbook("run", CHEAP, "geometry-resnet19-cifar10-balanced-fixed-relu-0")
    assert code == 2
    assert "no row 'geometry-resnet19" in said
    assert "Did you mean geometry-resnet18" in said
    assert not (cache / "runs").exists()


def test_workers_without_a_cluster_are_refused(cache: Path) -> None:
    code, said = ncbook("run", CHEAP, "--workers", "2")
    assert code == 2
    assert "--workers is for a cluster" in said


def test_a_full_store_stops_the_work_at_once(
    rows: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second row would fill the same disk; nothing that was finished is lost."""
    list(train_rows(rows[:1], "cpu"))
    begun = []

    def full(*_: object) -> None:
        begun.append(1)
        with checkpoint.writing(Path("store")):
            raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("ncbook.lab.training.store.publish", full)
        with pytest.raises(NcbookError, match="full"):
            list(train_rows(rows, "cpu"))
    assert len(begun) == 1
    assert survey(rows)[0].state == "done"


def test_missing_data_is_never_replaced_and_is_asked_for_once(
    rows: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def nothing(name: str, directory: object = None) -> None:
        asked.append(name)
        raise NcbookError(f"No source gave {name}", "Mend the network")

    monkeypatch.setattr("ncbook.lab.reproduce.work.get", nothing)
    monkeypatch.setattr(loading, "get", nothing)
    ended = list(train_rows(rows, "cpu"))
    assert [outcome.finished for outcome in ended] == [False] * 3
    assert {outcome.cause for outcome in ended} == {"No source gave cifar10"}
    assert asked == ["cifar10"]


def test_without_its_data_a_row_waits_for_them(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (cache / "data").unlink()
    code, said = ncbook("status")
    assert code == 0
    assert "wait: cifar10 isn't in the cache: ncbook data get cifar10" in said


def test_the_survey_follows_runs_on_other_machines(
    cache: Path, rows: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shared store with a finished run, a checkpoint, and a cluster at work on it."""
    there = cache / "shared"
    first, second, _ = (status.run_id for status in survey(rows))
    (there / "manifests").mkdir(parents=True)
    (there / "manifests" / f"{first}.json").write_text("{}")
    (there / "checkpoints" / second).mkdir(parents=True)
    (there / "checkpoints" / second / "000001-000000-abc.pt").touch()
    monkeypatch.setenv("NCBOOK_STORE", str(there))
    found = survey(rows)
    assert [(s.state, s.epochs) for s in found] == [("done", 2), ("waiting", 1), ("waiting", 0)]
    from ncbook.lab.cluster import lease

    with lease.held(lease.store_in_use(), print):
        assert [s.state for s in survey(rows)] == ["done", "running", "waiting"]


def test_images_counts_what_a_run_trains_on() -> None:
    (row,) = load_matrix().find(["geometry-resnet18-cifar10-step100-fixed-relu-0"])
    assert images(row.config) == 5 * 5000 + 5 * 50


def test_the_list_names_every_row(cache: Path) -> None:
    code, said = ncbook("list", "terminal-*", "bottleneck-*-analysis")
    assert code == 0
    assert said.count("2310.08358") == 9
    assert "11 rows" in said


@pytest.mark.parametrize(("exit_code", "noted"), [(1, True), (2, False)])
def test_a_failure_is_noted_until_the_next_start(
    tmp_path: Path, exit_code: int, noted: bool
) -> None:
    note = tmp_path / "abc.failed.json"

    def fail() -> None:
        with checkpoint.noting_failure(note):
            raise NcbookError("It broke", "Mend it", exit_code)

    with pytest.raises(NcbookError):
        fail()
    assert note.exists() == noted
    assert not noted or json.loads(note.read_text())["cause"] == "It broke"
    with checkpoint.noting_failure(note):
        assert not note.exists()
