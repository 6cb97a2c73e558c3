"""The shared store: what is whole travels, what isn't is never trusted, and its faults are said."""

import dataclasses
import errno
import json
import os
import shutil
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from ncbook.errors import NcbookError
from ncbook.lab import checkpoint, shared, store
from ncbook.lab.config import RunConfig
from ncbook.lab.runs import Run, load_run
from ncbook.lab.session import Session
from ncbook.lab.shared import SharedStore, finished, open_store
from ncbook.lab.training import train


@pytest.fixture(params=["disk", "memory"])
def there(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> SharedStore:
    """An empty shared store, in use."""
    disk, memory = tmp_path / "shared", f"memory://store-{uuid.uuid4().hex}"
    monkeypatch.setenv(shared.VARIABLE, str(disk) if request.param == "disk" else memory)
    found = open_store()
    assert found is not None
    return found


@pytest.fixture
def quick(tiny: RunConfig) -> RunConfig:
    return dataclasses.replace(tiny, epochs=1)


@pytest.fixture
def interrupted(tiny: RunConfig, runs: Path, monkeypatch: pytest.MonkeyPatch) -> RunConfig:
    """A run that stopped in its fourth epoch, with a checkpoint after every step."""
    monkeypatch.setattr(checkpoint, "LEAST_PAUSE", -1.0)
    monkeypatch.setattr(checkpoint, "TIMES_WRITING", 0)
    monkeypatch.setattr(shared, "PAUSES", 0)
    step = Session.step

    def stop(session: Session, *batch: Any) -> Any:
        if (session.epoch, session.batch) == (3, 1):
            raise KeyboardInterrupt
        return step(session, *batch)

    with monkeypatch.context() as patch:
        patch.setattr(Session, "step", stop)
        with pytest.raises(KeyboardInterrupt):
            train(tiny, "cpu")
    return tiny


def forget(runs: Path) -> None:
    """What another machine's cache is like."""
    shutil.rmtree(runs)
    runs.mkdir()


def files(run: Run) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in run.folder.iterdir()}


def epochs_trained(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Filled with where each epoch that is trained from now on begins."""
    seen, run_epoch = [], Session.run_epoch

    def count(session: Session, *arguments: Any) -> float:
        seen.append((session.epoch, session.batch))
        return run_epoch(session, *arguments)

    monkeypatch.setattr(Session, "run_epoch", count)
    return seen


def test_a_run_is_fetched_where_another_machine_trained_it(
    there: SharedStore, runs: Path, quick: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = train(quick, "cpu")
    expected = files(run)
    assert finished(there) == {run.id}
    forget(runs)
    trained = epochs_trained(monkeypatch)
    assert files(train(quick, "cpu")) == expected
    assert trained == []


def test_a_run_from_before_the_store_is_copied_when_next_asked_for(
    runs: Path, quick: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = train(quick, "cpu")
    monkeypatch.setenv(shared.VARIABLE, str(tmp_path / "shared"))
    train(quick, "cpu")
    there = open_store()
    assert there is not None
    assert finished(there) == {run.id}


@pytest.mark.parametrize("name", ["weights.safetensors", "history.jsonl", "manifest"])
@pytest.mark.parametrize("how", ["flipped", "truncated", "missing"])
def test_what_is_damaged_there_is_made_anew(
    runs: Path,
    quick: RunConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    how: str,
) -> None:
    monkeypatch.setenv(shared.VARIABLE, str(tmp_path / "shared"))
    run = train(quick, "cpu")
    nc1 = run.history[-1]["nc1"]
    (part,) = (tmp_path / "shared" / "runs" / run.id).iterdir()
    file = part / name
    if name == "manifest":
        file = tmp_path / "shared" / "manifests" / f"{run.id}.json"
    damage(file, how)
    forget(runs)
    trained = epochs_trained(monkeypatch)
    assert train(quick, "cpu").history[-1]["nc1"] == nc1
    assert trained == [(0, 0)]
    forget(runs)
    assert train(quick, "cpu").history[-1]["nc1"] == nc1
    assert trained == [(0, 0)], "the store was mended"


def damage(file: Path, how: str) -> None:
    content = bytearray(file.read_bytes())
    if how == "missing":
        file.unlink()
        return
    content[len(content) // 2] ^= 1
    file.write_bytes(content if how == "flipped" else content[: len(content) // 2])


def test_names_that_lead_elsewhere_are_not_followed(
    there: SharedStore, runs: Path, quick: RunConfig
) -> None:
    run = train(quick, "cpu")
    manifest = json.dumps({"../outside": "0"}).encode()
    there.write(manifest, "manifests", f"{run.id}.json")
    forget(runs)
    assert not shared.fetch_run(runs / run.id)
    assert list(runs.parent.rglob("outside")) == []
    assert finished(there) == set()


def test_two_that_trained_the_same_run_never_mix_their_files(
    there: SharedStore, runs: Path, quick: RunConfig
) -> None:
    run = train(quick, "cpu")
    there.remove("manifests", f"{run.id}.json")  # as another one finds it that began as early
    (run.folder / "history.jsonl").write_text(json.dumps(run.history[0]) + "\n", encoding="utf-8")
    sums = json.loads((run.folder / store.MANIFEST).read_text("utf-8"))
    sums["history.jsonl"] = store._sha256(run.folder / "history.jsonl")
    (run.folder / store.MANIFEST).write_text(json.dumps(sums, indent=1), encoding="utf-8")
    shared.keep_run(run.folder)
    assert len(there.names("runs", run.id)) == 2
    forget(runs)
    assert shared.fetch_run(run.folder)
    fetched = load_run(run.id)
    assert fetched is not None
    assert len(fetched.history) == 1


def test_an_interrupted_run_goes_on_on_another_machine_and_ends_with_the_same_bits(
    there: SharedStore, interrupted: RunConfig, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (partial,) = runs.glob("*.partial")
    (only,) = there.names("checkpoints", partial.stem)
    assert only.startswith("000003-000001-")
    forget(runs)
    trained = epochs_trained(monkeypatch)
    run = train(interrupted, "cpu")
    assert trained == [(3, 1)]
    assert there.names("checkpoints", run.id) == [], "nobody needs them now"
    resumed = (run.folder / "weights.safetensors").read_bytes()
    forget(runs)
    monkeypatch.delenv(shared.VARIABLE)
    assert (train(interrupted, "cpu").folder / "weights.safetensors").read_bytes() == resumed


def test_of_two_checkpoints_the_one_that_got_further_counts(
    there: SharedStore, interrupted: RunConfig, runs: Path
) -> None:
    (file,) = runs.glob("*.partial/checkpoint.pt")
    mine, (kept,) = file.read_bytes(), there.names("checkpoints", file.parent.stem)
    there.remove("checkpoints", file.parent.stem, kept)
    there.upload(file, "checkpoints", file.parent.stem, "000002-000009-" + "0" * 64 + ".pt")
    shared.fetch_checkpoint(file)
    assert file.read_bytes() == mine
    file.write_bytes(mine[:100])
    there.upload(file, "checkpoints", file.parent.stem, "000009-000000-" + "0" * 64 + ".pt")
    shared.fetch_checkpoint(file)
    assert file.read_bytes() == mine[:100], "neither is what its name says"


def test_half_a_checkpoint_is_passed_over_for_the_one_before(
    there: SharedStore, interrupted: RunConfig, runs: Path, tmp_path: Path
) -> None:
    (file,) = runs.glob("*.partial/checkpoint.pt")
    whole = file.read_bytes()
    half = tmp_path / "half"
    half.write_bytes(whole[: len(whole) // 2])
    there.upload(half, "checkpoints", file.parent.stem, "000003-000002-" + "0" * 64 + ".pt")
    shutil.rmtree(file.parent)
    shared.fetch_checkpoint(file)
    assert file.read_bytes() == whole


def test_listing_ten_thousand_runs_is_one_request(there: SharedStore) -> None:
    for number in range(10_000):
        there.fs.makedirs(there.path("manifests"), exist_ok=True) if not number else None
        there.fs.pipe_file(there.path("manifests", f"{number:016x}.json"), b"{}")
    asked: list[str] = []

    class Counting:
        def __getattr__(self, name: str) -> Any:
            asked.append(name)
            return getattr(there.fs, name)

    assert len(finished(dataclasses.replace(there, fs=Counting()))) == 10_000
    assert asked == ["invalidate_cache", "ls"]


class Refusing(MemoryFileSystem):  # type: ignore[misc]
    """A store that is there and takes nothing, as S3 without the right to write."""

    protocol = "refusing"
    raised: BaseException = PermissionError("Access Denied")

    def _open(self, path: str, mode: str = "rb", **options: Any) -> Any:
        if "w" in mode:
            raise self.raised
        return super()._open(path, mode, **options)

    def pipe_file(self, path: str, value: bytes, **options: Any) -> None:
        raise self.raised


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (PermissionError("Access Denied"), "can't be written (Access Denied)"),
        (OSError(errno.EROFS, os.strerror(errno.EROFS)), "can't be written (Read-only file system"),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "is full (No space left on device)"),
        (RuntimeError("the bucket is gone"), "can't be written (the bucket is gone)"),
    ],
)
def test_a_store_that_takes_nothing_is_one_clear_error_and_the_run_stays(
    runs: Path, quick: RunConfig, monkeypatch: pytest.MonkeyPatch, raised: Exception, said: str
) -> None:
    fsspec.register_implementation("refusing", Refusing, clobber=True)
    monkeypatch.setattr(Refusing, "raised", raised)
    monkeypatch.setenv(shared.VARIABLE, "refusing://bucket")
    with pytest.raises(NcbookError) as caught:
        train(quick, "cpu")
    assert f"The run store refusing://bucket {said}" in caught.value.cause
    assert "NCBOOK_STORE" in caught.value.cure
    (folder,) = (f for f in runs.iterdir() if f.is_dir())
    assert load_run(folder.name) is not None, "what was trained is kept"
    monkeypatch.setenv(shared.VARIABLE, f"memory://{uuid.uuid4().hex}")
    trained = epochs_trained(monkeypatch)
    train(quick, "cpu")
    there = open_store()
    assert there is not None
    assert finished(there) == {folder.name}
    assert trained == []


def test_a_path_that_cannot_be_is_one_clear_error(
    runs: Path, quick: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(shared.VARIABLE, str(tmp_path / "file" / "store"))
    with pytest.raises(NcbookError, match=r"can't be (read|written) .Not a directory"):
        train(quick, "cpu")


@pytest.mark.parametrize("url", ["nosuch://bucket/path", "s3://bucket/path"])
def test_a_kind_of_store_that_is_not_there(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(NcbookError, match=f"The run store {url} can't be opened"):
        open_store(url)


def test_without_the_variable_fsspec_is_not_even_looked_for() -> None:
    script = """
import sys
import torch
for name in [name for name in sys.modules if name.split(".")[0] == "fsspec"]:
    del sys.modules[name]  # of torch's own
sys.modules["fsspec"] = None
from ncbook.lab import shared, training
from pathlib import Path
assert shared.open_store() is None
shared.keep_run(Path("x"))
shared.fetch_checkpoint(Path("x.partial/checkpoint.pt"))
shared.Uploads().send_if_due(Path("x.partial/checkpoint.pt"))
assert not shared.fetch_run(Path("x"))
assert "dask" not in sys.modules
"""
    environment = {k: v for k, v in os.environ.items() if k != shared.VARIABLE}
    subprocess.run([sys.executable, "-c", script], env=environment, check=True)
