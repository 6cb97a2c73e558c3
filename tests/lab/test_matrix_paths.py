"""Every network on every data set of the matrix: trained, interrupted, resumed, collected.

The configurations are those of the paper profile, precision included; only the numbers of images,
the batch and the epochs are cut, to two steps. CIFAR-100's pixels are fabricated, in its own form.
"""

import dataclasses
import hashlib
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch

from ncbook.lab import checkpoint, paths, training
from ncbook.lab.data import catalogue
from ncbook.lab.reproduce.collect import collect
from ncbook.lab.reproduce.matrix import Matrix, Row, load_matrix
from ncbook.lab.reproduce.reference import LIMIT, check, read
from ncbook.lab.session import Session
from ncbook.lab.training import train
from tests.data_world import python2_pickle
from tests.lab.reference_world import part

# The fewest images that give every class two to train on and one to test on, in two batches.
FEWEST = {10: (20, 10), 100: (200, 100)}


def paths_of(matrix: Matrix) -> Iterator[Row]:
    """The first row of each network on each data set."""
    seen = set()
    for row in matrix.rows:
        key = row.config.model.arch, row.config.dataset
        if key not in seen:
            seen.add(key)
            yield row


ROWS = {row.name: row for row in paths_of(load_matrix())}


def small(*names: str) -> Matrix:
    """The matrix with these rows alone, cut to two steps."""
    train_size, test_size = FEWEST[ROWS[names[0]].config.model.num_classes]
    sizes = {"train_size": train_size, "test_size": test_size, "batch_size": train_size // 2}
    return part(names, "paper", **sizes, epochs=1, measurements=1)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own that shares the user's data sets."""
    shared, own = paths.data_dir(), tmp_path / "cache"
    own.mkdir()
    (own / "data").symlink_to(shared, target_is_directory=True)
    monkeypatch.setenv("NCBOOK_CACHE", str(own))
    # A path is walked once here: its bits may depend on how many cores there are.
    monkeypatch.setattr(training, "_one_thread", lambda device: nullcontext())
    return own


@pytest.fixture
def data(
    request: pytest.FixtureRequest, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path | None:
    """Where the data lies, if not in the cache: CIFAR-100's two files, as it has them."""
    if "cifar100" not in request.node.name:
        return None
    (cache / "data").unlink()
    folder = tmp_path / "given" / "cifar-100-python"
    folder.mkdir(parents=True)
    sizes, drawn = FEWEST[100], np.random.default_rng(0)
    files = {
        name: python2_pickle(
            {
                "data": drawn.integers(0, 256, (count, 3072), np.uint8),
                "fine_labels": [image % 100 for image in range(count)],
            }
        )
        for name, count in zip(("train", "test"), sizes, strict=True)
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    sums = {name: ((name, hashlib.md5(content).hexdigest()),) for name, content in files.items()}
    spec = catalogue.CATALOGUE["cifar100"]
    layout = dataclasses.replace(spec.layout, **sums)  # type: ignore[type-var]
    made = dataclasses.replace(spec, sizes=sizes, layout=layout, sources=())
    monkeypatch.setattr(catalogue, "CATALOGUE", {**catalogue.CATALOGUE, "cifar100": made})
    return folder.parent


def walk(row: Row, data: Path | None, patch: pytest.MonkeyPatch) -> None:
    """Train a row for a step, be interrupted, come back and finish it."""
    steps: list[tuple[int, int]] = []
    real = Session.step

    def step(session: Session, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        steps.append((session.epoch, session.batch))
        if steps == [(0, 0), (0, 1)]:
            raise KeyboardInterrupt
        return real(session, images, labels)

    patch.setattr(Session, "step", step)
    patch.setattr(checkpoint, "LEAST_PAUSE", -1.0)  # a checkpoint after every step
    with pytest.raises(KeyboardInterrupt):
        train(row.config, "cpu", data, report=lambda *told: None)
    partial = next(paths.runs_dir().glob("*.partial"))
    state = checkpoint.load(partial)
    assert state is not None
    assert (state["progress"]["epoch"], state["progress"]["batch"]) == (0, 1)
    run = train(row.config, "cpu", data, report=lambda *told: None)
    assert steps == [(0, 0), (0, 1), (0, 1)], "the first step wasn't taken again"
    assert run.epochs == [0, 1]
    assert not run.provenance["fallback"]
    patch.undo()


def test_all_fourteen_are_walked() -> None:
    found = [(row.config.model.arch, row.config.dataset) for row in ROWS.values()]
    assert set(found) == {(r.config.model.arch, r.config.dataset) for r in load_matrix().rows}
    assert len(found) == 14


@pytest.mark.slow
@pytest.mark.parametrize("name", ROWS)
def test_a_row_is_trained_interrupted_resumed_and_collected(
    name: str, cache: Path, data: Path | None, tmp_path: Path
) -> None:
    matrix = small(name)
    row = matrix.rows[0]
    assert row.config.precision == ROWS[name].config.precision == "bfloat16"
    with pytest.MonkeyPatch.context() as patch:
        walk(row, data, patch)
    found = collect(matrix, tmp_path / "reference")
    assert (found.written, found.waiting, found.refused) == ([name], [], {})
    reference = read(name, tmp_path / "reference")
    check(reference)
    assert reference.config == row.config
    assert reference.facts["data"]["name"] == row.config.dataset
    sizes = [file.stat().st_size for file in (tmp_path / "reference").iterdir()]
    assert len(sizes) == 2
    assert max(sizes) <= LIMIT
    assert collect(matrix, tmp_path / "reference").unchanged == [name]
