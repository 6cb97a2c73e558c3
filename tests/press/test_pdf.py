"""Chapters on paper: whole, with equations set and figures drawn, as the print style has them."""

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pypdf import PageObject, PdfReader

from ncbook.errors import NcbookError
from ncbook.press import pdf
from ncbook.press.assets import EXTRA, add_mathjax
from ncbook.press.book import Book
from ncbook.press.pdf import find_browser
from tests.conftest import ROOT

A4 = (595, 842)  # points, rounded
HEAD = """<script src="MATHJAX" defer></script><link rel="stylesheet" href="../print.css">
<script src="../print.js"></script>
<style>html[data-theme="dark"] .mode::after { content: "in the dark" }</style>"""
WIDE = "+".join(f"a_{{{n}}}" for n in range(60))
CHAPTER = f"""<h1>Title</h1>
<div class="bd-header">a row of buttons</div>
<p class="mode">The text.</p>
<p>Inline <span class="math">\\(x^2\\)</span>.</p>
<div class="math">\\[{WIDE}\\]</div>
<details class="hide"><p>folded code</p></details>
<details><summary>Solution</summary><p>Solved</p></details>
<pre>{"long_name = another_name; " * 20}the_end</pre>"""
FIGURES = "".join(
    f'<figure><svg width="500" height="{200 + 7 * n}"><text y="20">top {n}.</text></svg>'
    f"<figcaption>{'A long caption. ' * 30}bottom {n}.</figcaption></figure>"
    for n in range(12)
)


def print_chapters(book: Book, names: list[str] | None) -> list[Path]:
    """In a thread of its own: Playwright wants one, and the tests of the site have one in this."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(pdf.print_chapters, book, names).result()


needs_browser = pytest.mark.skipif(find_browser() is None, reason="no Chromium is installed here")


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Book]:
    """Writes a site of one page by hand."""
    (tmp_path / "_toc.yml").write_text("root: book/01-x\n", encoding="utf-8")
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "01-x.ipynb").touch()

    def make(body: str, head: str = "") -> Book:
        book = Book(tmp_path)
        (book.html / "book").mkdir(parents=True)
        page = f'<html data-theme="dark"><head><meta charset="utf-8">{head}</head>'
        page += f"<body><article class='bd-article'>{body}</article></body></html>"
        (book.html / "book" / "01-x.html").write_text(page, encoding="utf-8")
        return book

    return make


@pytest.fixture
def printed(write: Callable[..., Book], tmp_path: Path) -> PdfReader:
    """A page with all that a chapter may hold, printed with the book's own style for print."""
    stage, config = tmp_path / "stage", dict[str, Any]()
    add_mathjax(stage, config)
    if not config:
        pytest.skip("npm, which MathJax comes from, can't be reached here")
    book = write(
        CHAPTER + FIGURES, HEAD.replace("MATHJAX", config["sphinx"]["config"]["mathjax_path"])
    )
    shutil.copytree(stage / EXTRA, book.html, dirs_exist_ok=True)
    for kind in ("css", "js"):
        shutil.copy(ROOT / f"book/_static/ncbook-print.{kind}", book.html / f"print.{kind}")
    [path] = print_chapters(book, ["01"])
    return PdfReader(path)


def web_fonts(page: PageObject) -> str:
    """The names of the fonts that came with the page."""
    found = (font.get_object() for font in page["/Resources"]["/Font"].values())
    described = [font["/FontDescriptor"] for font in found if font["/Subtype"] == "/Type3"]
    return " ".join(description["/FontName"] for description in described)


def right_edge(page: PageObject) -> float:
    """How far to the right a piece of text begins, in points."""
    found: list[float] = []
    page.extract_text(visitor_text=lambda text, cm, tm, *_: found.append(tm[4] * cm[0] + cm[4]))
    return max(found)


@needs_browser
@pytest.mark.slow
def test_a_chapter_is_printed_whole(printed: PdfReader) -> None:
    sheets = [sheet.extract_text() for sheet in printed.pages]
    text = "\n".join(sheets)
    assert [round(float(side)) for side in printed.pages[0].mediabox[2:]] == list(A4)
    for part in ("Title", "Inline", "Solution", "Solved", "the_end"):
        assert part in text
    for part in ("a row of buttons", "folded code", "in the dark", "\\("):
        assert part not in text
    assert [entry.title for entry in printed.outline] == ["Title"]
    assert f"1 / {len(sheets)}" in sheets[0]
    for n in range(12):
        [sheet] = (sheet for sheet in sheets if f"top {n}." in sheet)
        assert f"bottom {n}." in sheet, "figure and caption on one page"
    assert "MathJax_Math-Italic" in web_fonts(printed.pages[0])
    assert "+a59" in text.replace(" ", ""), "the end of the wide equation"
    assert right_edge(printed.pages[0]) < A4[0] - 18 * 72 / 25.4


@needs_browser
@pytest.mark.slow
def test_a_page_whose_equations_cannot_be_set_is_not_printed(write: Callable[..., Book]) -> None:
    with pytest.raises(NcbookError, match="MathJax could not be loaded"):
        print_chapters(write('<span class="math">\\(x\\)</span>'), ["01"])


def test_a_site_that_is_not_built_cannot_be_printed(tmp_path: Path) -> None:
    book = Book(tmp_path)
    (tmp_path / "book").mkdir()
    (tmp_path / "_toc.yml").write_text("root: book/01-x\n", encoding="utf-8")
    (tmp_path / "book" / "01-x.ipynb").touch()
    with pytest.raises(NcbookError, match="no page to print of 01-x"):
        print_chapters(book, None)


def test_without_a_browser_the_cure_is_said(
    write: Callable[..., Book], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pdf, "find_browser", lambda: "/nowhere/chromium")
    with pytest.raises(NcbookError, match="No browser can be started") as raised:
        print_chapters(write("<h1>Title</h1>"), None)
    assert "apt-get install chromium" in raised.value.cure
