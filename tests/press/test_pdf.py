"""Chapters on paper: whole, with equations set and figures drawn."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pypdf import PdfReader

from ncbook.errors import NcbookError
from ncbook.press import pdf
from ncbook.press.book import Book
from ncbook.press.pdf import print_chapters


def page(body: str) -> str:
    return f"<html><body><article>{body}</article></body></html>"


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Book]:
    """Writes a site of one page by hand."""
    (tmp_path / "_toc.yml").write_text("root: book/01-x\n", encoding="utf-8")
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "01-x.ipynb").touch()

    def make(body: str) -> Book:
        book = Book(tmp_path)
        (book.html / "book").mkdir(parents=True)
        (book.html / "book" / "01-x.html").write_text(page(body), encoding="utf-8")
        return book

    return make


@pytest.mark.slow
def test_what_is_folded_is_printed(write: Callable[[str], Book]) -> None:
    [path] = print_chapters(write("<h1>Title</h1><details><p>Solved</p></details>"), ["01"])
    text = "".join(sheet.extract_text() for sheet in PdfReader(path).pages)
    assert "Title" in text
    assert "Solved" in text


@pytest.mark.slow
def test_a_page_whose_equations_cannot_be_set_is_not_printed(write: Callable[[str], Book]) -> None:
    with pytest.raises(NcbookError, match="MathJax could not be loaded"):
        print_chapters(write('<span class="math">\\(x\\)</span>'), ["01"])


def test_a_site_that_is_not_built_cannot_be_printed(tmp_path: Path, root: Path) -> None:
    book = Book(tmp_path)
    (tmp_path / "book").mkdir()
    (tmp_path / "_toc.yml").write_text("root: book/01-x\n", encoding="utf-8")
    (tmp_path / "book" / "01-x.ipynb").touch()
    with pytest.raises(NcbookError, match="no page to print of 01-x"):
        print_chapters(book, None)


def test_without_a_browser_the_cure_is_said(
    write: Callable[[str], Book], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pdf, "find_browser", lambda: "/nowhere/chromium")
    with pytest.raises(NcbookError, match="No browser can be started") as raised:
        print_chapters(write("<h1>Title</h1>"), None)
    assert "apt-get install chromium" in raised.value.cure
