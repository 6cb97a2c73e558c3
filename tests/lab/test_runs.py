"""The run store: damage is found, and the command line's verbs do what they say."""

import dataclasses
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ncbook.errors import NcbookError
from ncbook.lab.config import RunConfig
from ncbook.lab.listing import RunRecord, list_runs
from ncbook.lab.runs import Run, export_run, find_run, load_run, remove_run
from ncbook.lab.training import train

FILES = [
    "config.json",
    "features.safetensors",
    "history.jsonl",
    "manifest.json",
    "path.safetensors",
    "provenance.json",
    "weights.safetensors",
]


@pytest.fixture
def quick(tiny: RunConfig) -> RunConfig:
    return dataclasses.replace(tiny, epochs=1)


def test_a_run_is_these_files(runs: Path, quick: RunConfig) -> None:
    assert sorted(file.name for file in train(quick, "cpu").folder.iterdir()) == FILES


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("how", ["flipped", "truncated", "missing"])
def test_a_damaged_file_is_set_aside_and_made_anew(
    runs: Path, quick: RunConfig, caplog: pytest.LogCaptureFixture, name: str, how: str
) -> None:
    run = train(quick, "cpu")
    file = run.folder / name
    content = bytearray(file.read_bytes())
    if how == "missing":
        file.unlink()
    else:
        content[len(content) // 2] ^= 1
        file.write_bytes(content if how == "flipped" else content[: len(content) // 2])
    assert load_run(run.id) is None
    assert len(list(runs.glob(f"{run.id}.damaged-*"))) == 1
    # A manifest with one digit changed still reads: then it is a file that fails its sum.
    assert name in caplog.text or name == "manifest.json"
    assert train(quick, "cpu").history[-1]["nc1"] == run.history[-1]["nc1"]


def test_list_find_export_remove(runs: Path, quick: RunConfig, tmp_path: Path) -> None:
    run = train(quick, "cpu")
    (record,) = list_runs()
    assert (record.id, record.state, record.epochs) == (run.id, "finished", 1)
    assert record.label == quick.label
    assert record.bytes == sum(file.stat().st_size for file in run.folder.iterdir())
    assert find_run(run.id[:6]).config == quick
    copy = export_run(run.id[:6], tmp_path)
    written = json.loads((copy / "config.json").read_text(encoding="utf-8"))
    assert RunConfig.from_dict(written) == quick
    with pytest.raises(NcbookError, match="there already"):
        export_run(run.id, tmp_path)
    assert remove_run(run.id[:6]) == run.folder
    assert list_runs() == []
    with pytest.raises(NcbookError, match="No run") as caught:
        find_run(run.id)
    assert caught.value.exit_code == 2


def test_listing_looks_once_into_each_folder_and_then_never_again(
    runs: Path, quick: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first list reads a small file of each run; later ones read that of new runs alone."""
    run, asked = train(quick, "cpu"), []
    for number in range(20):
        shutil.copytree(run.folder, runs / f"{number:016x}")

    def counted(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *arguments, **options: asked.append(name) or function(*arguments, **options)

    def operations() -> Counter[str]:
        asked.clear()
        with monkeypatch.context() as patch:
            for owner, name in ((os, "scandir"), (os, "stat"), (Path, "read_text")):
                patch.setattr(owner, name, counted(name, getattr(owner, name)))
            listed.append(list_runs())
        return Counter(asked)

    listed: list[list[RunRecord]] = []
    assert operations() == {"scandir": 1 + 21, "read_text": 1 + 21}  # one of them the index
    assert operations() == {"scandir": 1, "read_text": 1}
    (runs / "index.json").write_text("{")
    assert operations() == {"scandir": 1 + 21, "read_text": 1 + 21}
    assert len(listed[0]) == 21
    assert listed[0] == listed[1] == listed[2]
    remove_run(f"{3:016x}")
    (runs / f"{4:016x}" / "manifest.json").unlink()
    assert operations()["scandir"] == 2  # the one that changed
    states = {record.id: record.state for record in listed[-1]}
    assert len(states) == 20
    assert states[f"{4:016x}"] == "damaged"


def test_an_ambiguous_prefix_is_refused(runs: Path, quick: RunConfig) -> None:
    for seed in (0, 1):
        train(dataclasses.replace(quick, seed=seed), "cpu")
    with pytest.raises(NcbookError, match="2 runs"):
        find_run("")


@pytest.mark.parametrize(
    ("accuracies", "begin"),
    [([0.1, 1.0, 0.9, 1.0, 1.0], 3), ([0.1, 0.9], None), ([1.0, 1.0], 0), ([1.0, 0.5], None)],
)
def test_the_terminal_phase_begins_after_the_last_mistake(
    quick: RunConfig, accuracies: list[float], begin: int | None
) -> None:
    history = [{"epoch": e, "train_accuracy": a} for e, a in enumerate(accuracies)]
    assert Run(Path("x"), quick, history, {}).terminal_epoch == begin
