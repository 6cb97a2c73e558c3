"""Training that is killed, interrupted, raced and starved, for real, in processes of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.numpy import load_file

from ncbook.errors import NcbookError
from ncbook.lab import checkpoint, store
from ncbook.lab.data import load_dataset
from ncbook.lab.paths import data_dir
from ncbook.lab.profiles import profile
from ncbook.lab.session import Session

SETTINGS = {"train_size": 200, "test_size": 20, "epochs": 40, "batch_size": 50}
SCRIPT = """
import json, signal, sys
# Under a test run started in the background, shells hand on an ignored SIGINT.
signal.signal(signal.SIGINT, signal.default_int_handler)
from ncbook.lab import checkpoint
from ncbook.lab.profiles import profile
from ncbook.lab.training import train
checkpoint.LEAST_PAUSE = 0.2
run = train(profile("smoke").config("scl", **json.loads(sys.argv[1])), "cpu")
print(run.id)
"""
posix = pytest.mark.skipif(os.name == "nt", reason="sends POSIX signals")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    (tmp_path / "data").symlink_to(data_dir(), target_is_directory=True)
    (tmp_path / "runs").mkdir()
    return tmp_path


def start(cache: Path, **changes: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, json.dumps(SETTINGS | changes)],
        env=os.environ | {"NCBOOK_CACHE": str(cache)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def weights_of(cache: Path, process: subprocess.Popen[str]) -> dict[str, object]:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return load_file(cache / "runs" / out.strip() / "weights.safetensors")


def wait_for(cache: Path, pattern: str) -> Path:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = next(iter((cache / "runs").glob(pattern)), None)
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"no {pattern} within a minute")


def finished(cache: Path) -> list[Path]:
    return [f for f in (cache / "runs").iterdir() if f.is_dir() and "." not in f.name]


@posix
def test_killed_in_mid_training_it_goes_on_and_ends_with_the_same_bits(
    cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    process = start(cache)
    checkpoint = wait_for(cache, "*.partial/checkpoint.pt")
    time.sleep(0.3)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert finished(cache) == []
    assert checkpoint.exists()
    resumed = weights_of(cache, start(cache))
    whole = tmp_path_factory.mktemp("whole")
    (whole / "data").symlink_to(data_dir(), target_is_directory=True)
    expected = weights_of(whole, start(whole))
    assert all((resumed[name] == expected[name]).all() for name in expected)  # type: ignore[attr-defined]
    assert not list((cache / "runs").glob("*.partial"))


@posix
def test_interrupted_it_leaves_a_checkpoint_and_no_half_run(cache: Path) -> None:
    process = start(cache)
    wait_for(cache, "*.partial/checkpoint.pt")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode != 0
    assert finished(cache) == []
    assert not list((cache / "runs").rglob("*.tmp"))


def test_a_damaged_checkpoint_is_named_set_aside_and_not_trusted(cache: Path) -> None:
    process = start(cache)
    checkpoint = wait_for(cache, "*.partial/checkpoint.pt")
    process.kill()
    process.communicate()
    content = checkpoint.read_bytes()
    checkpoint.write_bytes(content[: len(content) // 2])
    again = start(cache)
    weights_of(cache, again)
    assert len(finished(cache)) == 1


def test_two_processes_train_a_run_once(cache: Path) -> None:
    racers = [start(cache, epochs=10) for _ in range(2)]
    first, second = (weights_of(cache, process) for process in racers)
    assert all((first[name] == second[name]).all() for name in first)  # type: ignore[attr-defined]
    (run,) = finished(cache)
    made = json.loads((run / "provenance.json").read_text(encoding="utf-8"))["created"]
    start(cache, epochs=10).communicate(timeout=60)
    assert json.loads((run / "provenance.json").read_text(encoding="utf-8"))["created"] == made


@posix
def test_workers_die_with_their_parent(cache: Path) -> None:
    script = """
from ncbook.lab.profiles import profile
lab = profile("smoke", device="cpu")
lab.train("scl", train_size=300, test_size=20, epochs=500, batch_size=50)
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", script],
        env=os.environ | {"NCBOOK_CACHE": str(cache), "OMP_NUM_THREADS": "2"},
        stderr=subprocess.DEVNULL,
    )
    wait_for(cache, "*.partial/checkpoint.pt")
    import psutil

    workers = psutil.Process(parent.pid).children()
    assert len(workers) == 2
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    _, alive = psutil.wait_procs(workers, timeout=20)
    assert alive == []


@posix
def test_a_full_disk_is_one_clear_error(cache: Path) -> None:
    script = """
import errno, os
from ncbook.errors import NcbookError
from ncbook.lab import store
from ncbook.lab.profiles import profile
from ncbook.lab.training import train
def full(fd):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
store.os.fsync = full
try:
    settings = dict(train_size=40, test_size=20, epochs=1, batch_size=20)
    train(profile("smoke").config("scl", **settings), "cpu")
except NcbookError as error:
    print(error)
"""
    process = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"NCBOOK_CACHE": str(cache)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "full" in process.stdout
    assert "NCBOOK_CACHE" in process.stdout
    assert finished(cache) == []
    assert not list((cache / "runs").glob("*.tmp"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_disk_that_fills_under_the_tensors_is_said(tmp_path: Path) -> None:
    """Torch's and safetensors' own writers raise errors that say nothing of a disk."""
    part = tmp_path / "run.partial"
    part.mkdir()
    (part / f"{checkpoint.NAME}.{os.getpid()}.tmp").symlink_to("/dev/full")
    with pytest.raises(NcbookError, match="is full"):
        checkpoint.save(part, {"network": torch.zeros(10)}, {})
    config = profile("smoke").config("scl", train_size=40, test_size=20, batch_size=20)
    session = Session(config, load_dataset("cifar10"), torch.device("cpu"))
    session.record(loss=None)

    def fill(folder: Path) -> None:
        (folder / "weights.safetensors").symlink_to("/dev/full")
        session.write({}, folder)

    with pytest.raises(NcbookError, match="is full"):
        store.publish(tmp_path / "run", fill)
    assert list(tmp_path.iterdir()) == [part]
