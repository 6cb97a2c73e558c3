"""Building the site, killed midway and with chapters that aren't fit for it, for real."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from ncbook.errors import NcbookError
from ncbook.press import checks
from ncbook.press.book import Book
from ncbook.press.execute import execute
from ncbook.press.site import build
from tests.press.fixture_book import write_book, write_notebook

ROOT = Path(__file__).parents[2]
BUILD = """
import sys
from pathlib import Path
from ncbook.press.book import Book
from ncbook.press.site import build
build(Book(Path(sys.argv[1])), "smoke")
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Book:
    """The small book with two quick chapters, executed and built."""
    book = write_book(tmp_path_factory.mktemp("built") / "book")
    book.claims_file.write_text("papers: {}\nclaims: []\n", encoding="utf-8")
    write_notebook(book.notebook("01-first"), "# First", "print('one')")
    write_notebook(book.notebook("02-second"), "# Second", "print('two')")
    execute(book, "smoke", jobs=2)
    build(book, "smoke")
    return book


HEADER = re.compile(rb'<div class="ncbook-header">.*?</details></div>', re.DOTALL)  # date and time


@pytest.fixture
def book(built: Book, tmp_path: Path) -> Book:
    """A copy to spoil."""
    shutil.copytree(built.root, tmp_path / "book")
    return Book(tmp_path / "book")


def pages(book: Book) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(book.html.rglob("*.html"))}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals are those of Unix")
def test_killed_mid_build_the_old_site_stays_and_the_next_build_is_whole(book: Book) -> None:
    before = pages(book)
    (book.source / "intro.md").write_text("# A small book\n\nChanged.\n", encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    running = subprocess.Popen(
        [sys.executable, "-c", BUILD, str(book.root)],
        env=environment,
        stderr=subprocess.DEVNULL,
    )
    log = book.made / "logs" / "jupyter-book.log"
    end = time.monotonic() + 30
    while "reading sources" not in log.read_text(encoding="utf-8"):
        assert time.monotonic() < end
        time.sleep(0.02)
    children = psutil.Process(running.pid).children(recursive=True)
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert pages(book) == before
    build(book, "smoke")
    assert "Changed." in (book.html / "book" / "intro.html").read_text(encoding="utf-8")
    assert checks.find_faults(book, book.html) == []
    psutil.wait_procs(children, timeout=20)


def test_killed_between_the_moves_the_next_build_mends_it(book: Book) -> None:
    book.html.rename(book.html.with_name("html.old"))
    build(book, "smoke")
    assert checks.find_faults(book, book.html) == []
    assert not book.html.with_name("html.old").exists()


def test_each_stale_chapter_is_refused_by_name_with_the_command_that_cures_it(book: Book) -> None:
    before = pages(book)
    write_notebook(book.notebook("01-first"), "# First", "print('changed')")
    book.copy("smoke", "02-second").unlink()
    with pytest.raises(NcbookError) as caught:
        build(book, "smoke")
    assert "01-first (its source changed); 02-second (never executed)" in caught.value.cause
    assert caught.value.cure == "Run `ncbook run 01-first 02-second --profile smoke`"
    assert caught.value.exit_code == 1
    assert pages(book) == before


def test_a_damaged_copy_is_refused_by_name_and_executing_cures_it(book: Book) -> None:
    path = book.copy("smoke", "02-second")
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(NcbookError, match=r"02-second \(its executed copy is damaged: "):
        build(book, "smoke")
    before = pages(book)
    execute(book, "smoke")
    build(book, "smoke")
    changed = {
        Path(path).name
        for path, text in pages(book).items()
        if HEADER.sub(b"", text) != HEADER.sub(b"", before[path])
    }
    # Only measured times and sizes may differ, and by chance even those may agree.
    assert changed <= {"runtimes.html"}, "executed anew, the same"


def test_another_profiles_chapters_do_not_count(book: Book) -> None:
    with pytest.raises(NcbookError, match="never executed"):
        build(book, "laptop")
