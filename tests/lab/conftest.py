"""A store of its own for each test; the data set itself is fetched once into the user's cache."""

from pathlib import Path

import pytest

from ncbook.lab import paths
from ncbook.lab.config import RunConfig
from ncbook.lab.profiles import profile


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty run store."""
    folder = tmp_path / "runs"
    folder.mkdir()
    for module in ("ncbook.lab.listing", "ncbook.lab.runs", "ncbook.lab.training"):
        monkeypatch.setattr(f"{module}.runs_dir", lambda: folder)
    assert folder != paths.runs_dir()
    return folder


@pytest.fixture
def tiny() -> RunConfig:
    """A contrastive run of a second: 60 images, 4 epochs."""
    sizes = {"train_size": 60, "test_size": 20, "epochs": 4, "batch_size": 30}
    return profile("smoke").config("scl", bind=0, **sizes)
