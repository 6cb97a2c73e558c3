"""``ncbook run``, ``build`` and ``claims`` on a small book of two chapters, executed for real."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ncbook.press.book import Book
from tests.press.fixture_book import write_book, write_notebook

Call = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return write_book(tmp_path / "book")


def test_run_build_claims(ncbook: Call, book: Book) -> None:
    early = ncbook("claims", cwd=book.root)
    assert early.returncode == 1
    assert "01-first records nothing" in early.stderr

    # The user's own cache, since building starts with CIFAR-10.
    found = ncbook("build", "--profile", "laptop", cwd=book.root, NCBOOK_CACHE="")
    assert found.returncode == 0, found.stderr
    assert "Data: " in found.stdout
    assert "01-first" in found.stdout
    assert str(book.html / "index.html") in found.stdout
    assert (book.html / "book" / "01-first.html").is_file()

    again = ncbook("build", cwd=book.root, NCBOOK_CACHE="")
    assert again.returncode == 0, again.stderr
    assert again.stdout.count("current") == 2

    claims = ncbook("claims", cwd=book.root)
    assert claims.returncode == 0, claims.stderr
    (row,) = (line for line in claims.stdout.splitlines() if "small-number" in line)
    assert "3 seeds" in row
    assert row.count("holds") == 2

    text = book.claims_file.read_text(encoding="utf-8")
    text = text.replace("laptop: holds", "laptop: does not hold")
    book.claims_file.write_text(text, encoding="utf-8")
    drifted = ncbook("claims", cwd=book.root)
    assert drifted.returncode == 1
    assert "small-number: expected 'does not hold', got 'holds'" in drifted.stderr


def test_a_failing_chapter_is_exit_code_1_and_the_others_go_on(ncbook: Call, book: Book) -> None:
    write_notebook(book.notebook("01-first"), "# First", "1 / 0")
    found = ncbook("run", "--profile", "smoke", cwd=book.root)
    assert found.returncode == 1
    assert "ZeroDivisionError" in found.stderr
    assert "Traceback" not in found.stderr
    assert found.stderr.splitlines()[-2].startswith("Error: 1 chapter of 2 failed: 01-first")
    assert book.copy("smoke", "02-second").is_file()
    assert not book.copy("smoke", "01-first").exists()


def test_one_chapter_by_the_beginning_of_its_name(ncbook: Call, book: Book) -> None:
    assert ncbook("run", "02", "--profile", "smoke", cwd=book.root).returncode == 0
    assert book.copy("smoke", "02-second").is_file()
    assert not book.copy("smoke", "01-first").exists()


def test_a_folder_below_the_books_will_do(ncbook: Call, book: Book) -> None:
    found = ncbook("claims", cwd=book.source)
    assert "small-number" in found.stdout


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        (["run", "99"], "No chapter's name begins with '99'"),
        (["run", "--profile", "desktop"], "Unknown profile 'desktop'"),
        (["run", "--device", "abacus"], "Unknown device 'abacus'"),
        (["claims", "--profile", "desktop"], "Unknown profile 'desktop'"),
        (["build", "--profile", "desktop"], "Unknown profile 'desktop'"),
        (["build", "--device", "abacus"], "Unknown device 'abacus'"),
    ],
)
def test_what_does_not_exist_is_exit_code_2(
    ncbook: Call, book: Book, arguments: list[str], cause: str
) -> None:
    found = ncbook(*arguments, cwd=book.root)
    first, second = found.stderr.splitlines()
    assert first == f"Error: {cause}."
    assert second.startswith("Cure:  ")
    assert found.returncode == 2
    assert found.stdout == "", "nothing is begun"
