"""Reference results: small files from which every published number follows."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ncbook.errors import NcbookError
from ncbook.lab.config import RunConfig
from ncbook.lab.models import ModelConfig
from ncbook.lab.reproduce.decisions import belongs
from ncbook.lab.reproduce.matrix import load_matrix
from ncbook.lab.reproduce.reference import (
    LIMIT,
    RELATIVE,
    RUN,
    Reference,
    check,
    of_run,
    read,
    read_all,
    write,
)
from ncbook.lab.reproduce.statistics import METRICS, derive
from ncbook.lab.training import train
from tests.conftest import ROOT
from tests.lab.reference_world import cloud, fabricated_run, keep_runs_in, part

CONTRASTIVE = "geometry-resnet18-cifar10-step10-bound-relu-0"
TERMINAL = "terminal-resnet32-cifar10-0"
ALIGNED = "alignments-vgg11-cifar10-rotated1-0"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Reference]]:
    """Results of three real runs of a second each."""
    with pytest.MonkeyPatch.context() as patch:
        keep_runs_in(tmp_path_factory.mktemp("made") / "runs", patch)
        rows = part([CONTRASTIVE, TERMINAL, ALIGNED]).rows
        yield {row.name: of_run(row.name, train(row.config, "cpu")) for row in rows}


def changed(reference: Reference, **facts: Any) -> Reference:
    return Reference(reference.name, copy.deepcopy({**reference.facts, **facts}), reference.arrays)


@pytest.mark.parametrize("name", [CONTRASTIVE, TERMINAL, ALIGNED])
def test_numbers_measured_in_training_follow_from_the_statistics(
    made: dict[str, Reference], name: str
) -> None:
    reference = made[name]
    check(reference)
    derived = derive(reference.arrays)
    assert derived.keys() == reference.metrics.keys()
    assert derived == pytest.approx(dict(reference.metrics), rel=1e-6)
    assert ("self_duality" in derived) == (name != CONTRASTIVE)


def test_a_result_says_what_it_rests_on(made: dict[str, Reference]) -> None:
    facts, row = made[TERMINAL].facts, part([TERMINAL]).rows[0]
    assert facts["config"] == json.loads(json.dumps(row.config.to_dict()))
    assert facts["run"] == row.config.run_id(facts["data"]["digest"])
    assert belongs(made[TERMINAL], row)
    assert (facts["seed"], facts["ranks"]) == (0, 1)
    assert {"ncbook", "torch"} <= set(facts["versions"])
    assert {"device", "seconds", "created", "label"} <= set(facts)
    curves = facts["curves"]
    assert curves["epoch"][0] == 0
    assert len({len(values) for values in curves.values()}) == 1


def test_both_files_are_read_as_written(made: dict[str, Reference], tmp_path: Path) -> None:
    for reference in made.values():
        write(reference, tmp_path)
        again = read(reference.name, tmp_path)
        assert again.facts == json.loads(json.dumps(reference.facts))
        assert again.config == reference.config
        for name, values in reference.arrays.items():
            assert np.array_equal(values, again.arrays[name])
            assert values.dtype == again.arrays[name].dtype
        check(again)
    assert sorted(read_all(tmp_path)) == sorted(made)
    assert all(file.stat().st_size < 20_000 for file in tmp_path.iterdir())


@pytest.mark.parametrize("name", METRICS)
def test_a_changed_number_is_named(made: dict[str, Reference], name: str) -> None:
    reference = made[TERMINAL]
    value = reference.metrics[name]
    wrong = (
        (not value) if isinstance(value, bool) else value + 1 if name == "rank" else 1.01 * value
    )
    if wrong == value:  # a share of nothing
        wrong = 0.01
    metrics = {**reference.metrics, name: wrong}
    with pytest.raises(NcbookError, match=rf"Reference {TERMINAL}: {name} is .* statistics give"):
        check(changed(reference, metrics=metrics))
    del metrics[name]
    with pytest.raises(NcbookError, match=f"{name} is None"):
        check(changed(reference, metrics=metrics))


@pytest.mark.parametrize("name", ["means", "variances", "traces", "weight", "decisions"])
def test_changed_statistics_are_seen(made: dict[str, Reference], name: str) -> None:
    arrays = dict(made[TERMINAL].arrays)
    arrays[name] = arrays[name].copy()
    arrays[name].flat[0] += 1 + 10 * abs(arrays[name]).max()
    with pytest.raises(NcbookError, match="statistics give"):
        check(Reference(TERMINAL, made[TERMINAL].facts, arrays))


def test_a_curve_that_ends_elsewhere_is_named(made: dict[str, Reference]) -> None:
    curves = copy.deepcopy(dict(made[TERMINAL].curves))
    curves["nc1"][-1] *= 0.5
    with pytest.raises(NcbookError, match=r"nc1 is .* its curve ends at"):
        check(changed(made[TERMINAL], curves=curves))


def test_a_label_of_another_configuration_is_named(made: dict[str, Reference]) -> None:
    config = {**made[TERMINAL].facts["config"], "seed": 1}
    with pytest.raises(NcbookError, match=r"its configuration is that of 'ce cifar10 .* seed 1'"):
        check(changed(made[TERMINAL], config=config))


@pytest.mark.parametrize("text", ["[]", '{"statistics": ""}', '{"statistics": "", "kind": "x"}'])
def test_facts_of_another_form_are_not_read(
    made: dict[str, Reference], tmp_path: Path, text: str
) -> None:
    write(made[TERMINAL], tmp_path)
    (tmp_path / f"{TERMINAL}.json").write_text(text, encoding="utf-8")
    with pytest.raises(NcbookError, match=rf"{TERMINAL}.* can't be read"):
        read(TERMINAL, tmp_path)


def test_files_that_do_not_belong_together_are_not_read(
    made: dict[str, Reference], tmp_path: Path
) -> None:
    for reference in made.values():
        write(reference, tmp_path)
    (tmp_path / f"{ALIGNED}.npz").replace(tmp_path / f"{TERMINAL}.npz")
    with pytest.raises(NcbookError, match="not of one writing"):
        read(TERMINAL, tmp_path)
    with pytest.raises(NcbookError, match=rf"{ALIGNED}.* can't be read"):
        read(ALIGNED, tmp_path)
    (tmp_path / f"{CONTRASTIVE}.npz").write_bytes(b"PK no archive")
    with pytest.raises(NcbookError, match=rf"{CONTRASTIVE}.* can't be read"):
        read(CONTRASTIVE, tmp_path)


def wide(num_classes: int, dim: int) -> Reference:
    """A result of collapsed features of a large network."""
    model = ModelConfig(classifier=False, num_classes=num_classes)
    config = RunConfig(loss="scl", model=model)
    seen, unseen = (cloud(num_classes, dim, each, 1e-4, each) for each in (4, 2))
    return of_run("wide", fabricated_run(config, seen, unseen))


def test_the_largest_row_fits_and_keeps_its_tolerance(tmp_path: Path) -> None:
    reference = wide(100, 2048)
    assert reference.arrays["means"].dtype == np.float32
    assert reference.metrics["nc1"] < 1e-3
    check(reference)
    off = {
        name: abs(value / reference.metrics[name] - 1)
        for name, value in derive(reference.arrays).items()
        if name in ("nc1", "cdnv")
    }
    assert max(off.values()) < RELATIVE / 10
    write(reference, tmp_path)
    assert all(file.stat().st_size <= LIMIT for file in tmp_path.iterdir())


def test_a_file_that_is_too_large_is_not_written(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).standard_normal((100, 2048))
    reference = Reference("large", {"kind": RUN}, {"means": noise})
    with pytest.raises(
        NcbookError, match=r"large\.npz would take 1,5\d\d,\d{3} bytes of 1,000,000"
    ):
        write(reference, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nobodys_folder_is_published() -> None:
    text = json.dumps(wide(10, 64).facts)
    assert "somebody" not in text
    assert "a folder of the user's" in text


def test_a_result_of_other_settings_does_not_belong_to_its_row(made: dict[str, Reference]) -> None:
    row = part([TERMINAL]).rows[0]
    assert not belongs(made[TERMINAL], part([TERMINAL], epochs=3).rows[0])
    other = changed(made[TERMINAL], run="0123456789abcdef")
    assert not belongs(other, row)


def test_every_published_number_of_the_repository_follows_from_its_statistics() -> None:
    folder, matrix = ROOT / "reference", load_matrix()
    found = read_all(folder)
    known = {item.name for item in (*matrix.rows, *matrix.pairs)}
    print(f"{len(found)} reference results of {len(known)} rows and comparisons")
    assert set(found) <= known
    for name, reference in found.items():
        check(reference)
        sizes = [(folder / f"{name}{suffix}").stat().st_size for suffix in (".json", ".npz")]
        assert max(sizes) <= LIMIT


def test_class_means_of_small_networks_are_kept_in_full(made: dict[str, Reference]) -> None:
    arrays = made[CONTRASTIVE].arrays
    assert arrays["means"].dtype == np.float64
    counts = torch.as_tensor(arrays["train_confusion"]).sum(1)
    assert counts.tolist() == arrays["counts"].tolist()
