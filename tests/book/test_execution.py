"""The chapters executed: small in every run of the tests, and in the profile that readers see."""

import shutil
from pathlib import Path

import pytest

from ncbook.press.book import Book
from ncbook.press.claimfile import load_claims
from ncbook.press.claims import check_verdicts, collect
from ncbook.press.execute import execute

ROOT = Path(__file__).parents[2]


@pytest.fixture
def copy(tmp_path: Path) -> Book:
    """The book's sources in a folder of their own, so that a reader's copies stay as they are."""
    for name in ("_config.yml", "_toc.yml"):
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "book", tmp_path / "book")
    return Book(tmp_path)


@pytest.mark.slow
def test_the_book_runs_in_the_smoke_profile(copy: Book) -> None:
    records = execute(copy, "smoke")
    assert [record.status for record in records] == ["executed"] * len(copy.chapters)
    ledger = collect(copy.executed("smoke"))
    claims = load_claims(copy.claims_file)
    assert set(ledger) == set(claims.claims)
    assert check_verdicts(ledger, claims, "smoke") == []


@pytest.mark.slow
def test_the_verdicts_of_the_laptop_profile_are_those_on_record(copy: Book) -> None:
    execute(copy, "laptop")
    ledger = collect(copy.executed("laptop"))
    assert check_verdicts(ledger, load_claims(copy.claims_file), "laptop") == []
