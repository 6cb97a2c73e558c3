"""MathJax comes from npm once, is checked, and a plain build does without it."""

import tarfile
from pathlib import Path
from typing import Any

import pytest

from ncbook.errors import NcbookError
from ncbook.lab.data.failures import SourceFailure
from ncbook.press import assets
from ncbook.press.assets import EXTRA, add_mathjax, fetched, require_mathjax


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NCBOOK_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def no_npm(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> Path:
        raise SourceFailure("npm says no", reached=False)

    monkeypatch.setattr(assets, "pack", fail)


def test_a_stage_gets_mathjax_and_its_fonts_from_the_site_itself(tmp_path: Path) -> None:
    config: dict[str, Any] = {}
    add_mathjax(tmp_path, config)
    folder = tmp_path / EXTRA / "mathjax"
    assert (folder / "tex-chtml.js").stat().st_size > 500_000
    assert list(folder.glob("output/chtml/fonts/woff-v2/*.woff"))
    assert (folder / "LICENSE").is_file()
    assert config["sphinx"]["config"]["mathjax_path"] == "../mathjax/tex-chtml.js"


def test_without_npm_a_build_says_so_and_goes_on(
    cache: Path, no_npm: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config: dict[str, Any] = {}
    add_mathjax(tmp_path, config)
    assert "npm says no" in capsys.readouterr().err
    assert config == {}


def test_without_npm_there_is_no_offline_edition(cache: Path, no_npm: None) -> None:
    with pytest.raises(NcbookError, match="npm says no"):
        require_mathjax()


def test_an_archive_is_got_once_and_again_if_it_is_damaged(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def make(package: str, sha256: str, folder: Path) -> Path:
        asked.append(package)
        path = folder / "x.tgz"
        with tarfile.open(path, "w:gz"):
            pass
        return path

    monkeypatch.setattr(assets, "pack", make)
    monkeypatch.setattr(assets, "file_digest", lambda path, _: path.read_bytes()[:2].hex())
    archive = fetched("thing@1.0", "1f8b")
    assert fetched("thing@1.0", "1f8b") == archive
    assert asked == ["thing@1.0"]
    archive.write_bytes(b"damaged")
    fetched("thing@1.0", "1f8b")
    assert asked == ["thing@1.0"] * 2
