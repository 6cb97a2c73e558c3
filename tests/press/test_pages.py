"""The generated pages, in the cases that the small book doesn't have."""

from pathlib import Path

import pytest

from ncbook.errors import NcbookError
from ncbook.press.book import Book
from ncbook.press.claimfile import ClaimFile, load_claims
from ncbook.press.claims import Record
from ncbook.press.pages import claims_page, write_pages
from tests.press.fixture_book import CLAIMS, write_book

RECORD = Record(
    id="small-number",
    chapter="01-first",
    values=[4.0, 5.0],
    mean=4.5,
    low=-1.85,
    high=10.85,
    verdict="does not hold",
    profile="laptop",
    device="a slow one",
    sources=[],
    fallback=None,
)


@pytest.fixture
def claims(tmp_path: Path) -> ClaimFile:
    text = CLAIMS.replace("The number is small.", '"The number <b> is | small: $1 {term}`x`."')
    (tmp_path / "claims.yml").write_text(text, encoding="utf-8")
    return load_claims(tmp_path / "claims.yml")


def test_a_claim_that_nobody_measured_is_not_yet_tested(claims: ClaimFile) -> None:
    page = claims_page(claims, {}, {"kini": "Symmetric"}, {})
    assert "not yet tested" in page
    assert "Claims so far: 1. Verdicts: 1 not yet tested." in page


def test_a_claim_of_the_books_own_stands_under_its_own_heading(tmp_path: Path) -> None:
    (tmp_path / "claims.yml").write_text(CLAIMS.replace('paper: "2306.07960"', "paper: book"))
    page = claims_page(load_claims(tmp_path / "claims.yml"), {}, {"kini": "Symmetric"}, {})
    assert "## This book" in page
    assert "arXiv" not in page


def test_a_claim_that_fails_is_shown_failing(claims: ClaimFile) -> None:
    page = claims_page(claims, {RECORD.id: RECORD}, {"kini": "Symmetric"}, {})
    assert "✗&nbsp;does not hold here" in page
    assert "count: 4.5, 95 % interval −1.85 to 10.8, 2 seeds" in page
    assert "laptop, a slow one" in page


def test_text_of_the_file_is_no_markup(claims: ClaimFile) -> None:
    page = claims_page(claims, {}, {"kini": "Symmetric"}, {})
    assert "The number &lt;b&gt; is | small" in page
    assert "\n\n" not in page[page.index("<div") : page.index("</div>")], "one block of HTML"


def test_a_paper_without_an_entry_in_the_bibliography_is_named(tmp_path: Path) -> None:
    book: Book = write_book(tmp_path / "book")
    (book.source / "references.bib").write_text("", encoding="utf-8")
    with pytest.raises(NcbookError, match=r"references\.bib has no 'kini'"):
        write_pages(book, "smoke", load_claims(book.claims_file), {})
