"""The chapters executed: small in every run of the tests, and in the profile that readers see."""

from pathlib import Path

import pytest

from ncbook.press.book import Book
from ncbook.press.claimfile import load_claims
from ncbook.press.claims import check_verdicts, collect
from ncbook.press.execute import execute
from tests.conftest import copy_book


@pytest.mark.slow
def test_the_book_runs_in_the_smoke_profile(tmp_path: Path) -> None:
    copy = copy_book(tmp_path)
    records = execute(copy, "smoke", jobs=2)
    assert [record.status for record in records] == ["executed"] * len(copy.chapters)
    ledger = collect(copy.executed("smoke"))
    claims = load_claims(copy.claims_file)
    assert set(ledger) == set(claims.claims)
    assert check_verdicts(ledger, claims, "smoke") == []


@pytest.mark.slow
def test_the_verdicts_of_the_laptop_profile_are_those_on_record(laptop_book: Book) -> None:
    ledger = collect(laptop_book.executed("laptop"))
    assert check_verdicts(ledger, load_claims(laptop_book.claims_file), "laptop") == []
