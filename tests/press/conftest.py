"""A chapter in execution, as the figures, numbers and claims in it see it."""

from pathlib import Path

import pytest

from ncbook import journal
from ncbook.press import artifacts
from ncbook.press.book import Book
from ncbook.press.claimfile import LOCATION
from ncbook.press.execute import execute
from tests.press.fixture_book import CLAIMS, write_book


@pytest.fixture(autouse=True)
def nothing_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    """No run and no data set used so far, and no chapter in execution."""
    monkeypatch.setattr(journal, "_notes", {"data": [], "run": []})
    for name in (artifacts.FOLDER, artifacts.CHAPTER, artifacts.PROFILE, LOCATION):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Book:
    """The small book, executed. Tests that spoil it take a copy: nothing in it knows its place."""
    book = write_book(tmp_path_factory.mktemp("made") / "book")
    execute(book, "smoke", jobs=2)
    return book


@pytest.fixture
def claims_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The claims of the small book, in force."""
    path = tmp_path / "claims.yml"
    path.write_text(CLAIMS, encoding="utf-8")
    monkeypatch.setenv(LOCATION, str(path))
    return path


@pytest.fixture
def in_book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, claims_file: Path) -> Path:
    """The folder of a chapter in execution; what it hands to the prose goes nowhere."""
    folder = tmp_path / "artifacts"
    monkeypatch.setenv(artifacts.FOLDER, str(folder))
    monkeypatch.setenv(artifacts.CHAPTER, "01-first")
    monkeypatch.setenv(artifacts.PROFILE, "laptop")
    return folder
