"""Collecting: new results are written, others left alone, what can't be trusted is refused."""

import json
from pathlib import Path

import pytest

from ncbook.lab import shared, store
from ncbook.lab.reproduce import collect as module
from ncbook.lab.reproduce.collect import collect
from ncbook.lab.reproduce.matrix import Matrix
from ncbook.lab.reproduce.reference import Reference, check, of_run, read, write
from ncbook.lab.runs import Run
from ncbook.lab.training import train
from tests.lab.reference_world import keep_runs_in, part

TWINS = ["bottleneck-resnet50-cifar10-0", "bottleneck-resnet50-cifar10-1"]
ANALYSIS = "bottleneck-resnet50-cifar10-analysis"
SEEDS = [f"geometry-resnet18-cifar10-balanced-bound-relu-{seed}" for seed in range(2)]


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return keep_runs_in(tmp_path / "runs", monkeypatch)


def trained(matrix: Matrix, count: int) -> list[Run]:
    return [train(row.config, "cpu") for row in matrix.rows[:count]]


def stamps(folder: Path) -> dict[str, int]:
    return {file.name: file.stat().st_mtime_ns for file in folder.iterdir()}


def retell(run: Run, **facts: object) -> None:
    """Change what a stored run says of itself, as if it had been trained that way."""
    told = {**run.provenance, **facts}
    (run.folder / "provenance.json").write_text(json.dumps(told), encoding="utf-8")
    files = [f for f in run.folder.iterdir() if f.name != store.MANIFEST]
    sums = {file.name: store._sha256(file) for file in files}
    (run.folder / store.MANIFEST).write_text(json.dumps(sums), encoding="utf-8")


def test_runs_and_their_comparison_are_collected_once(runs: Path, tmp_path: Path) -> None:
    matrix, out = part(["bottleneck-resnet50-cifar10-*"]), tmp_path / "reference"
    assert collect(matrix, out).waiting == [*TWINS, ANALYSIS]
    trained(matrix, 1)
    first = collect(matrix, out)
    assert (first.written, first.waiting) == (TWINS[:1], [TWINS[1], ANALYSIS])
    trained(matrix, 2)
    told: list[str] = []
    second = collect(matrix, out, told.append)
    assert told == [*TWINS, ANALYSIS]
    assert (second.written, second.unchanged) == ([TWINS[1], ANALYSIS], TWINS[:1])
    before = stamps(out)
    third = collect(matrix, out)
    assert (third.written, third.unchanged) == ([], [*TWINS, ANALYSIS])
    assert stamps(out) == before
    analysis = read(ANALYSIS, out)
    check(analysis)
    assert list(analysis.facts["runs"]) == TWINS
    assert set(analysis.metrics) > {"r2_held_out", "gap_raw", "mean_beta_scores", "etf_raw"}


def test_a_damaged_result_is_written_again(runs: Path, tmp_path: Path) -> None:
    matrix = part(SEEDS[:1])
    trained(matrix, 1)
    collect(matrix, tmp_path / "out")
    file = tmp_path / "out" / f"{SEEDS[0]}.npz"
    whole = file.read_bytes()
    file.write_bytes(whole[:-100])
    assert collect(matrix, tmp_path / "out").written == SEEDS[:1]
    assert file.read_bytes() == whole


def test_a_run_that_was_trained_anew_is_written_again(runs: Path, tmp_path: Path) -> None:
    matrix = part(SEEDS[:1])
    run = trained(matrix, 1)[0]
    collect(matrix, tmp_path / "out")
    retell(run, created="2030-01-01T00:00:00+00:00")
    assert collect(matrix, tmp_path / "out").written == SEEDS[:1]
    assert read(SEEDS[0], tmp_path / "out").facts["created"].startswith("2030")


def test_a_result_from_another_machine_stays(runs: Path, tmp_path: Path) -> None:
    matrix = part(["bottleneck-resnet50-cifar10-*"])
    both = trained(matrix, 2)
    collect(matrix, tmp_path / "out")
    for run in both:
        run.folder.rename(tmp_path / f"{run.id}-gone")
    assert collect(matrix, tmp_path / "out").unchanged == [*TWINS, ANALYSIS]


def test_a_result_of_other_settings_waits_for_its_run(runs: Path, tmp_path: Path) -> None:
    trained(part(SEEDS[:1]), 1)
    collect(part(SEEDS[:1]), tmp_path / "out")
    assert collect(part(SEEDS[:1], epochs=3), tmp_path / "out").waiting == SEEDS[:1]


def test_a_stand_in_for_the_data_is_refused(runs: Path, tmp_path: Path) -> None:
    matrix = part(SEEDS[:1])
    run = trained(matrix, 1)[0]
    retell(run, fallback=True, data="digits")
    found = collect(matrix, tmp_path / "out")
    assert found.refused == {
        SEEDS[0]: f"run {run.id} was trained on digits, a stand-in for the data"
    }
    assert not (tmp_path / "out").exists()


def test_numbers_that_do_not_follow_from_the_features_are_refused(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    matrix = part(SEEDS[:1])
    trained(matrix, 1)

    def doctored(name: str, run: Run) -> Reference:
        true = of_run(name, run)
        metrics = {**true.metrics, "nc1": 2 * true.metrics["nc1"]}
        return Reference(name, {**true.facts, "metrics": metrics}, true.arrays)

    monkeypatch.setattr(module, "of_run", doctored)
    found = collect(matrix, tmp_path / "out")
    assert list(found.refused) == SEEDS[:1]
    assert "nc1 is" in found.refused[SEEDS[0]]
    assert not (tmp_path / "out").exists()


def test_a_run_of_the_shared_store_is_fetched(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(shared.VARIABLE, str(tmp_path / "of-many"))
    matrix = part(SEEDS[:1])
    run = trained(matrix, 1)[0]
    shared.keep_run(run.folder)
    run.folder.rename(tmp_path / "gone")
    assert collect(matrix, tmp_path / "out").written == SEEDS[:1]
    assert collect(matrix, tmp_path / "out").unchanged == SEEDS[:1]


def test_a_damaged_run_is_refused(runs: Path, tmp_path: Path) -> None:
    matrix = part(SEEDS[:1])
    run = trained(matrix, 1)[0]
    (run.folder / "features.safetensors").write_bytes(b"cut")
    assert "damaged" in collect(matrix, tmp_path / "out").refused[SEEDS[0]]


def test_several_versions_behind_a_claim_are_noted(runs: Path, tmp_path: Path) -> None:
    matrix = part(SEEDS)
    trained(matrix, 2)
    assert collect(matrix, tmp_path / "out").notes == []
    kept = read(SEEDS[1], tmp_path / "out")
    versions = {**kept.facts["versions"], "torch": "1.0"}
    write(Reference(kept.name, {**kept.facts, "versions": versions}, kept.arrays), tmp_path / "out")
    notes = collect(matrix, tmp_path / "out").notes
    assert len(notes) == 2  # the claims that these rows decide
    assert notes[0].startswith("batching-matters: made by several versions: torch 1.0 and ")
