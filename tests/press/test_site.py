"""The site, built by Jupyter Book for real: what is on its pages, and what is refused."""

import re
import shutil
from pathlib import Path

import pytest
from bs4 import BeautifulSoup, Tag

from ncbook.errors import NcbookError
from ncbook.press import checks
from ncbook.press.book import Book
from ncbook.press.execute import execute
from ncbook.press.site import build
from tests.press.fixture_book import write_notebook


@pytest.fixture(scope="module")
def site(made: Book) -> Book:
    """The small book, built in the smoke profile."""
    build(made, "smoke")
    return made


@pytest.fixture
def book(site: Book, tmp_path: Path) -> Book:
    """A copy to spoil."""
    shutil.copytree(site.root, tmp_path / "book")
    return Book(tmp_path / "book")


def article(book: Book, page: str) -> Tag:
    text = (book.html / "book" / f"{page}.html").read_text(encoding="utf-8")
    found = BeautifulSoup(text, "html.parser").find("article")
    assert isinstance(found, Tag)
    return found


def times(book: Book) -> dict[str, int]:
    return {str(p.relative_to(book.html)): p.stat().st_mtime_ns for p in book.html.rglob("*")}


def test_every_page_of_the_contents_is_there_and_sound(site: Book) -> None:
    assert checks.find_faults(site, site.html) == []
    assert (site.html / "index.html").is_file()


def test_numbers_and_figure_links_stand_in_the_prose(site: Book) -> None:
    text = article(site, "01-first").get_text()
    assert "The number is 1.50 and 1.50; see Figure 1.1." in text
    link = article(site, "01-first").select_one('p a[href="#fig-count"]')
    assert link is not None
    assert article(site, "01-first").select_one("figure#fig-count svg[role=img]") is not None


def test_what_a_reader_has_no_use_for_is_not_shown(site: Book) -> None:
    page = article(site, "01-first")
    outputs = [node.get_text() for node in page.select(".cell_output")]
    assert outputs[-1].strip() == "smoke 0", "stdout, and nothing of stderr"
    assert "# Parameters" not in page.get_text(), "the injected cell"
    assert "leave()" not in page.get_text()


def test_the_data_of_a_figure_is_where_its_link_says(site: Book) -> None:
    link = article(site, "01-first").select_one("figure a.ncbook-data")
    assert link is not None
    target = (site.html / "book" / str(link["href"])).resolve()
    assert target.read_text(encoding="utf-8") == "x,y\n0,1\n1,2\n"


def test_the_ledger_has_verdict_value_and_source(site: Book) -> None:
    page = article(site, "claims")
    (row,) = page.select("tbody tr")
    for part in ("The number is small.", "95 % interval", "3 seeds", "smoke", "holds"):
        assert part in row.get_text()
    link = row.select_one('a[href="01-first.html#claim-small-number"]')
    assert link is not None
    assert article(site, "01-first").select_one("#claim-small-number") is not None
    assert "Symmetric" in page.get_text(), "the paper's title"


def test_the_list_of_figures_describes_each(site: Book) -> None:
    image = article(site, "figures").find("img")
    assert isinstance(image, Tag)
    assert str(image["alt"]).startswith("A straight line")
    assert (site.html / "book" / str(image["src"])).resolve().is_file()
    link = article(site, "figures").select_one('a[href="01-first.html#fig-count"]')
    assert link is not None


def test_run_times_name_each_chapter_device_and_versions(site: Book) -> None:
    text = article(site, "runtimes").get_text(" ")
    for part in ("First", "Second", " MB", "CPU", "numpy", "UTC", "smoke"):
        assert part in text


def test_a_smoke_copy_says_on_every_page_that_its_numbers_mean_nothing(site: Book) -> None:
    for page in site.pages:
        text = (site.html / f"{page}.html").read_text(encoding="utf-8")
        assert "Its numbers mean nothing." in text, page


def test_a_stand_in_for_the_data_is_said_on_every_page(book: Book) -> None:
    code = """
from ncbook import journal
journal.note("data", name="digits-for-cifar10", source="scikit-learn", fallback=True)
"""
    write_notebook(book.notebook("02-second"), "# Second", code)
    execute(book, "smoke")
    build(book, "smoke")
    for page in book.pages:
        text = (book.html / f"{page}.html").read_text(encoding="utf-8")
        assert "computed on digits-for-cifar10 instead" in text, page


def test_nothing_is_fetched_while_building_or_by_its_own_code(site: Book) -> None:
    pages = [path.read_text(encoding="utf-8") for path in site.html.rglob("*.html")]
    hosts = {host for text in pages for host in re.findall(r'src="https?://([^/"]+)', text)}
    assert hosts == set()


def test_again_nothing_is_built(book: Book) -> None:
    before = times(book)
    build(book, "smoke")
    assert times(book) == before


def test_a_lost_page_is_built_again(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    builds: list[Path] = []
    monkeypatch.setattr(
        "ncbook.press.site._build", lambda book, stage, digest: builds.append(stage)
    )
    build(book, "smoke")
    assert not builds
    (book.html / "book" / "claims.html").unlink()
    build(book, "smoke")
    assert builds


def test_a_warning_stops_the_build_and_the_old_site_stays(book: Book) -> None:
    before = times(book)
    page = book.source / "intro.md"
    good = page.read_text(encoding="utf-8")
    page.write_text(f"{good}\nSee {{doc}}`nowhere` and {{glue}}`nothing`.\n", encoding="utf-8")
    with pytest.raises(NcbookError) as caught:
        build(book, "smoke")
    assert caught.value.exit_code == 1
    assert "book/intro.md:5: WARNING: unknown document: 'nowhere'" in caught.value.cause
    assert "No key 'nothing' found in glue data" in caught.value.cause
    assert "jupyter-book.log" in caught.value.cure
    assert str(book.root) not in caught.value.cause
    assert times(book) == before
    with pytest.raises(NcbookError, match="nowhere"):  # no cache hides it the second time
        build(book, "smoke")


def test_a_page_with_faults_is_not_put_in_place(book: Book) -> None:
    before = times(book)
    write_notebook(book.notebook("02-second"), "# Second", "object()")
    execute(book, "smoke")
    with pytest.raises(NcbookError, match=r"book/02-second: shows <object at 0x\w+>"):
        build(book, "smoke")
    assert times(book) == before


@pytest.mark.parametrize(
    ("inside", "fault"),
    [
        ("<p>Fine.</p>", None),
        ("<p>Use <code>{glue}`x`</code>.</p><pre>```{note}</pre>", None),
        ("<p>{glue}`x`</p>", "shows a raw directive, {glue}`"),
        ("<p>:::{note} Look</p>", "shows a raw directive, :::{note}"),
        ("<p>```{prf:theorem}</p>", "shows a raw directive, ```{prf:theorem}"),
        ('<div class="output">Traceback (most recent call last)</div>', "shows a traceback"),
        ('<div class="output traceback">x</div>', "shows a traceback"),
        ("<p>Traceback (most recent call last) is what Python prints.</p>", None),
        ('<div class="output">&lt;matplotlib.legend.Legend at 0x7f&gt;</div>', "with a semicolon"),
        ("<div class='output'>[Text(0.5, 1.0, 'x'), Text(0, 0.5, 'y')]</div>", "shows [Text(0"),
    ],
)
def test_faults_of_a_page(tmp_path: Path, inside: str, fault: str | None) -> None:
    (tmp_path / "_toc.yml").write_text("root: intro\n", encoding="utf-8")
    page = tmp_path / "intro.html"
    page.write_text(f"<article>{inside}</article>", encoding="utf-8")
    faults = checks.find_faults(Book(tmp_path), tmp_path)
    assert [fault in found for found in faults] == ([True] if fault else [])


def test_a_missing_page_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "_toc.yml").write_text("root: intro\n", encoding="utf-8")
    assert checks.find_faults(Book(tmp_path), tmp_path) == ["intro: not built"]
