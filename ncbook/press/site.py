"""Building the site: from executed chapters and pages to HTML that was checked."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from ncbook.errors import NcbookError
from ncbook.press import checks
from ncbook.press.book import Book
from ncbook.press.claimfile import load_claims
from ncbook.press.claims import check_verdicts, collect
from ncbook.press.lock import working
from ncbook.press.mend import mend
from ncbook.press.stage import put_together
from ncbook.press.stamps import DamagedError, Stamp, find_staleness, hash_folder, read

BUILT = "ncbook-stage.txt"  # in the finished site: what it was built from
JUPYTER_BOOK = "from jupyter_book.cli.main import main; main()"  # of this very Python
SHOWN_WARNINGS = 12
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def build(book: Book, profile: str) -> Path:
    """Build the site from what was executed in a profile; returns the page to open.

    Nothing is built if nothing changed. The new site takes the old one's place when it is whole.

    Args:
        book: what to build.
        profile: whose executed chapters to take.

    Raises:
        NcbookError: if a chapter must be executed first, Jupyter Book warns of anything, or a page
            is missing or shows what it shouldn't.
    """
    console = Console(stderr=True, highlight=False)
    with working(book):
        stamps = _stamps(book, profile)
        claims = load_claims(book.claims_file)
        for line in check_verdicts(collect(book.executed(profile)), claims, profile):
            console.print(f"A verdict has changed. {line}", markup=False)
        stage = put_together(book, profile, claims, stamps)
        digest = hash_folder(stage)
        if _is_built(book, digest):
            console.print("The site is current")
        else:
            with console.status("Building the site"):
                _build(book, stage, digest)
    return book.html / "index.html"


def _stamps(book: Book, profile: str) -> dict[str, Stamp]:
    """The stamp of each chapter, if all are fit to be built."""
    unfit = {name: why for name in book.chapters if (why := _unfitness(book, name, profile))}
    if unfit:
        reasons = "; ".join(f"{name} ({why})" for name, why in unfit.items())
        raise NcbookError(
            f"Not built, for want of current chapters: {reasons}",
            f"Run `ncbook run {' '.join(unfit)} --profile {profile}`",
        )
    return {name: read(book.copy(profile, name))[1] for name in book.chapters}


def _unfitness(book: Book, chapter: str, profile: str) -> str | None:
    try:
        return find_staleness(book, chapter, profile)
    except DamagedError as error:
        return f"its executed copy is damaged: {error}"


def _is_built(book: Book, digest: str) -> bool:
    mark = book.html / BUILT
    pages = [book.html / f"{page}.html" for page in book.pages]
    built = mark.read_text(encoding="utf-8") if mark.is_file() else ""
    return built == digest and all(page.is_file() for page in pages)


def _build(book: Book, stage: Path, digest: str) -> None:
    # From scratch each time: Sphinx repeats no warning of a page that it doesn't read again, and
    # doesn't rewrite pages whose sidebar or glued numbers changed elsewhere.
    for left in book.made.glob("site-*"):  # by a build that failed or was killed
        shutil.rmtree(left, ignore_errors=True)
    # Under a new name: what a killed build was running may still be writing to the old one.
    output = Path(tempfile.mkdtemp(prefix="site-", dir=book.made))
    _run_jupyter_book(book, stage, output)
    site = output / "_build" / "html"
    mend(site)
    faults = checks.find_faults(book, site)
    if faults:
        raise NcbookError(
            f"The built pages have faults: {'; '.join(faults)}",
            f"Mend the pages; what was built is in {site}",
        )
    (site / BUILT).write_text(digest, encoding="utf-8")
    _swap(site, book.html)
    shutil.rmtree(output)


def _run_jupyter_book(book: Book, stage: Path, output: Path) -> None:
    log = book.made / "logs" / "jupyter-book.log"
    log.parent.mkdir(exist_ok=True)
    command = [sys.executable, "-c", JUPYTER_BOOK, "build", str(stage)]
    options = ["--path-output", str(output), "-n", "-W", "--keep-going"]
    with log.open("w", encoding="utf-8") as stream:
        result = subprocess.run(
            command + options,
            env=os.environ | {"PYTHONUTF8": "1"},
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if result.returncode:
        text = log.read_text(encoding="utf-8", errors="replace")
        raise NcbookError(
            f"Jupyter Book failed:\n{_warnings(text, stage)}",
            f"Mend these; the whole log is {log}",
        )


def _warnings(log: str, stage: Path) -> str:
    """The lines of a log that say what is wrong, else its last ones."""
    lines = [_COLOUR.sub("", line) for line in log.splitlines()]
    wrong = [line for line in lines if re.search(r"WARNING|ERROR|Error:", line)] or lines[-5:]
    shown = [line.replace(f"{stage}{os.sep}", "") for line in dict.fromkeys(wrong)]
    rest = [f"and {len(shown) - SHOWN_WARNINGS} more"] if len(shown) > SHOWN_WARNINGS else []
    return "\n".join(shown[:SHOWN_WARNINGS] + rest)


def _swap(new: Path, place: Path) -> None:
    """Put a folder in the place of another; killed between the moves, the next build mends it."""
    old = place.with_name(f"{place.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if place.exists():
        place.replace(old)
    new.replace(place)
    shutil.rmtree(old, ignore_errors=True)
