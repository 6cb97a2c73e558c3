"""What the site puts into executed chapters and pages."""

from pathlib import Path
from typing import Any

import nbformat
import pytest
from bs4 import BeautifulSoup

from ncbook.errors import NcbookError
from ncbook.press import notebooks
from ncbook.press.book import Book
from ncbook.press.excerpt import with_figures
from ncbook.press.fill import exercises_in, fill
from ncbook.press.header import header
from ncbook.press.stamps import Stamp

FIGURE = '<figure id="fig-{name}"><a href="#code-{name}">Code</a></figure>'


def code(source: str, figure: str = "") -> nbformat.NotebookNode:
    cell = nbformat.v4.new_code_cell(source)
    if figure:
        shown = {"text/html": FIGURE.format(name=figure)}
        cell.outputs = [nbformat.v4.new_output("display_data", shown)]
    return cell


def notebook(*cells: nbformat.NotebookNode) -> nbformat.NotebookNode:
    title = nbformat.v4.new_markdown_cell("# A title\n\nSome text.")
    return nbformat.v4.new_notebook(cells=[title, *cells])


def sources(filled: nbformat.NotebookNode) -> list[str]:
    return [cell.source for cell in filled.cells]


def test_the_header_stands_below_the_title() -> None:
    chapter = notebook()
    fill(chapter, "<p>made today</p>", "instructor")
    assert sources(chapter) == ["# A title\n\n<p>made today</p>\n\nSome text."]


@pytest.mark.parametrize(("edition", "solved"), [("instructor", True), ("student", False)])
def test_an_exercise_takes_the_place_of_its_call(edition: Any, solved: bool) -> None:
    chapter = notebook(code('exercise("1.1")'), code('print("exercise(\\"1.2\\")")'))
    assert exercises_in(chapter) == ["1.1"]
    fill(chapter, "", edition)
    text = sources(chapter)[1]
    assert ":label: ex-01-isotropic" in text
    assert "{dropdown} Hint 1" in text
    assert ("{dropdown} Solution" in text) == solved
    assert chapter.cells[2].cell_type == "code"


def test_a_quiz_is_shown_without_its_call() -> None:
    chapter = notebook(code('quiz("01")'))
    fill(chapter, "", "student")
    cell = chapter.cells[1]
    assert "remove-input" in cell.metadata.tags
    page = BeautifulSoup(cell.outputs[0].data["text/html"], "html.parser")
    assert page.select_one("#quiz01[data-numquestions]")
    assert "display_quiz" not in str(page)
    assert "multiple_choice" in page.script.get_text()


def test_an_exercise_that_is_not_there_stops_the_build() -> None:
    with pytest.raises(NcbookError, match=r"1\.99"):
        fill(notebook(code('exercise("1.99")')), "", "student")


def test_each_figure_has_an_anchor_at_the_code_that_draws_it() -> None:
    chapter = notebook(
        code("fig, ax = new_figure()"),
        code("figure(fig)", figure="one"),
        code("def draw(k):\n    return new_figure()"),
        code("x = 1"),
        code('demo(draw, "two")', figure="two"),
        code('figure(made_elsewhere, "three")', figure="three"),
    )
    fill(chapter, "", "student")
    text = sources(chapter)
    assert text[1:3] == ['<span id="code-one"></span>', "fig, ax = new_figure()"]
    anchors = ['<span id="code-two"></span>', '<span id="code-three"></span>']
    assert text[4:7] == [*anchors, "def draw(k):\n    return new_figure()"]


def test_the_header_says_how_the_page_was_made(tmp_path: Path) -> None:
    (tmp_path / "_config.yml").write_text("title: x\n", encoding="utf-8")
    data = [{"name": "CIFAR-10", "source": "a mirror", "sha256": "0"}]
    facts = {"device": "CPU <x>", "data": data, "seconds": 12.3, "peak_memory": 10**9}
    stamp = Stamp(
        source="", claims="", modules={}, artifacts="", content="", parameters={}, versions={},
        date="2026-11-02T10:00:00+00:00", trained=2, loaded=4, **facts,
    )  # fmt: skip
    page = BeautifulSoup(
        header(Book(tmp_path), "06-x", "laptop", stamp, ["6.1", "6.2"]), "html.parser"
    )
    text = page.get_text(" ")
    for fact in (
        "2 November 2026",
        "12.3 s",
        "2 networks trained, 4 loaded",
        "on CPU <x>, laptop profile",
    ):
        assert fact in text
    assert "CIFAR-10 from a mirror" in text
    assert "2 exercises" in text
    assert page.select_one("a[download]")["href"] == "../colab/06-x.ipynb"
    assert page.select_one(".ncbook-progress")["data-chapter"] == "06"


def test_a_page_shows_a_figure_of_a_chapter(tmp_path: Path) -> None:
    book = Book(tmp_path)
    path = book.copy("laptop", "01-x")
    path.parent.mkdir(parents=True)
    chapter = notebook(code("figure(fig)", figure="moving"))
    chapter.cells[1].outputs[0].data["text/html"] += (
        '<use xlink:href="#mark"/><a class="x" href="#y">'
    )
    notebooks.save(chapter, path)
    text = with_figures("Look:\n\n% figure 01-x moving\n\nSeen?", book, "laptop")
    assert '<a href="01-x.html#code-moving">' in text
    assert '<a class="x" href="01-x.html#y">' in text
    assert '<use xlink:href="#mark"/>' in text
    assert text.startswith("Look:\n\n<figure")
    with pytest.raises(NcbookError, match="still"):
        with_figures("% figure 01-x still", book, "laptop")
