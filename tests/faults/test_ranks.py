"""Runs on several ranks, started by the real ``torchrun``, whose ranks die; and how they go on."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from filelock import FileLock

from ncbook.lab import checkpoint
from ncbook.lab.config import RunConfig
from ncbook.lab.paths import data_dir
from ncbook.lab.profiles import profile
from ncbook.lab.ranks.ending import CURE
from ncbook.lab.runs import Run
from ncbook.lab.schedule import measured_epochs
from ncbook.lab.training import train
from tests import ranks_world as world
from tests.conftest import ROOT

pytestmark = pytest.mark.skipif(os.name == "nt", reason="sends POSIX signals")

# The command line, which takes checkpoints more often than a reader would want.
SCRIPT = """
import sys
from ncbook.cli import main
from ncbook.lab import checkpoint
checkpoint.LEAST_PAUSE = 0.1
sys.argv = ["ncbook", "train", "run.json", "--device", "cpu"]
main()
"""
RUN: dict[str, Any] = {
    "loss": "scl",
    "epochs": 40,
    "batch_size": 30,
    "bind": 1,
    "measurements": 5,
    "subset": {"train_size": 60, "test_size": 20},
    "model": {"width": 2, "classifier": False},
}
DEADLINE = 90.0


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder to start in, with the cache below it."""
    (tmp_path / "cache" / "runs").mkdir(parents=True)
    (tmp_path / "cache" / "data").symlink_to(data_dir(), target_is_directory=True)
    (tmp_path / "run.json").write_text(json.dumps(RUN))
    (tmp_path / "train.py").write_text(SCRIPT)
    return tmp_path


def start(place: Path, ranks: int) -> subprocess.Popen[str]:
    """``torchrun`` with so many ranks."""
    launcher = ["-m", "torch.distributed.run", f"--nproc-per-node={ranks}", "--standalone"]
    return subprocess.Popen(
        [sys.executable, *launcher, "train.py"],
        cwd=place,
        env=os.environ | {"NCBOOK_CACHE": str(place / "cache"), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def partial(place: Path) -> dict[str, Any] | None:
    """The provenance of the last checkpoint."""
    file = next((place / "cache" / "runs").glob("*.partial/provenance.json"), None)
    return json.loads(file.read_text(encoding="utf-8")) if file else None


def wait_for_more(place: Path, process: subprocess.Popen[str]) -> int:
    """Wait for an epoch more than what is there; returns the epochs done."""
    before = (partial(place) or {"epochs": 0})["epochs"]
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline and process.poll() is None:
        now = partial(place)
        if now and now["epochs"] > before:
            return int(now["epochs"])
        time.sleep(0.02)
    process.kill()
    raise AssertionError(f"no further checkpoint: {process.communicate()}")


def rank_of(process: psutil.Process) -> int:
    return int(process.environ()["RANK"])


def kill_rank(place: Path, rank: int) -> str:
    """Kill one of two ranks in mid-training; returns what was said, once all have ended."""
    process = start(place, 2)
    wait_for_more(place, process)
    ranks = {rank_of(child): child for child in psutil.Process(process.pid).children()}
    assert ranks.keys() == {0, 1}
    ranks[rank].kill()
    _, alive = psutil.wait_procs(list(ranks.values()), timeout=10)
    assert alive == []
    _, said = process.communicate(timeout=DEADLINE)
    assert process.returncode == 1
    survivor = 1 - rank  # as torchrun reports it
    report = said.split(f"rank      : {survivor} ")
    assert "exitcode  : 1 " in report[1].partition("traceback")[0]
    return said


def assert_in_order(place: Path) -> None:
    """No lock held, no half-written file, nothing finished."""
    runs = place / "cache" / "runs"
    (folder,) = (path for path in runs.iterdir() if path.is_dir())
    assert folder.name.endswith(".partial")
    with FileLock(runs / f"{folder.name.removesuffix('.partial')}.lock", timeout=0):
        pass


@pytest.mark.slow
def test_ranks_that_die_leave_a_run_that_goes_on_with_any_number_of_them(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin_alone(place, monkeypatch)
    for rank in (0, 1):
        said = kill_rank(place, rank)
        assert said.count("\nError: ") == said.count(CURE) == 1
        assert_in_order(place)
    copy = place.with_name(f"{place.name}-copy")
    shutil.copytree(place, copy, symlinks=True)

    process = start(place, 2)
    out, said = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0, said
    assert out.count("Kept in") == 1  # rank 0 alone prints
    together = finished(place, monkeypatch)
    assert together.provenance["ranks"] == 2
    assert "synchronised" in together.provenance["batch_norm"]

    on_one = finished(copy, monkeypatch)
    assert "ranks" not in on_one.provenance
    assert on_one.id == together.id


def begin_alone(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Train a few epochs on one process."""

    def stop(epoch: int, loss: float, nc1: float) -> None:
        if epoch == 2:
            raise KeyboardInterrupt

    monkeypatch.setenv("NCBOOK_CACHE", str(place / "cache"))
    with monkeypatch.context() as hasty:
        for pause in ("LEAST_PAUSE", "TIMES_WRITING"):
            hasty.setattr(checkpoint, pause, 0.0)
        with pytest.raises(KeyboardInterrupt):
            train(RunConfig.from_dict(RUN), "cpu", report=stop)
    assert (partial(place) or {})["epochs"] == 1  # the second had no step after it


def finished(place: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The run, from the store or trained to its end on one process, and nothing left beside it."""
    monkeypatch.setenv("NCBOOK_CACHE", str(place / "cache"))
    run = train(RunConfig.from_dict(RUN), "cpu")
    assert run.epochs == measured_epochs(RUN["epochs"], RUN["measurements"])
    assert not list((place / "cache" / "runs").rglob("*.tmp"))
    assert not list((place / "cache" / "runs").rglob("*.partial"))
    return run


def test_a_rank_that_waits_in_vain_is_ended_by_sigterm(tmp_path: Path) -> None:
    ranks = world.start_ranks(2, tmp_path, world.stuck, tmp_path)
    deadline = time.monotonic() + DEADLINE
    while not all((tmp_path / f"pid-{rank}").exists() for rank in (0, 1)):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(0.3)  # until rank 0 is in the library's hands
    begun = time.monotonic()
    os.kill(ranks[0].pid, signal.SIGTERM)
    ranks[0].join(30)
    assert ranks[0].exitcode == 1
    assert time.monotonic() - begun < 10
    assert (tmp_path / "said-0").read_text().count(CURE) == 1
    ranks[1].kill()
    ranks[1].join()


@pytest.fixture
def lock(place: Path) -> Iterator[FileLock]:
    """A lock that the test takes, as another process would."""
    found = FileLock(place / "lock", thread_local=False)
    yield found
    found.release(force=True)


def test_runs_are_trained_one_after_the_other_by_all_ranks(place: Path) -> None:
    small = {"train_size": 60, "test_size": 20, "epochs": 1, "batch_size": 30}
    configs = [profile("smoke").config("scl", seed=seed, **small) for seed in (0, 1)]
    first, second = world.in_ranks(2, world.trained_one_after_the_other, configs, place / "cache")
    assert first == second
    assert [facts["ranks"] for _, facts in first] == [2, 2]
    kept = {path.name for path in (place / "cache" / "runs").iterdir() if path.is_dir()}
    assert kept == {run_id for run_id, _ in first}
    (again, _) = world.in_ranks(2, world.trained_one_after_the_other, configs, place / "cache")
    assert again == first  # dates included: nothing was trained anew


def test_ranks_wait_for_whoever_holds_the_lock(place: Path, lock: FileLock) -> None:
    lock.acquire()
    threading.Timer(1.5, lock.release).start()
    begun = time.monotonic()
    world.in_ranks(2, world.waiting, place / "lock")
    assert time.monotonic() - begun > 1.5
