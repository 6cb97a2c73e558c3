"""When an executed chapter is still what its source, its code and its claims would give."""

import shutil
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest

from ncbook.press import stamps
from ncbook.press.book import Book
from ncbook.press.stamps import DamagedError, find_staleness, read


@pytest.fixture
def book(made: Book, tmp_path: Path) -> Book:
    """A copy to spoil."""
    shutil.copytree(made.root, tmp_path / "book")
    return Book(tmp_path / "book")


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def reasons(book: Book) -> list[str | None]:
    return [find_staleness(book, chapter, "smoke") for chapter in ("01-first", "02-second")]


def test_fresh_from_execution_nothing_is_stale(book: Book) -> None:
    assert reasons(book) == [None, None]


def test_another_profile_is_another_execution(book: Book) -> None:
    assert find_staleness(book, "01-first", "laptop") == "never executed"


def test_the_stamp_says_what_a_reader_wants_to_know(book: Book) -> None:
    _, stamp = read(book.copy("smoke", "01-first"))
    assert stamp.parameters == {"profile": "smoke", "seed": 0, "device": "auto"}
    assert {"ncbook", "Python", "numpy", "matplotlib"} <= set(stamp.versions)
    assert stamp.date.endswith("+00:00")
    assert stamp.seconds > 0
    assert stamp.peak_memory > 30e6
    assert stamp.device.startswith("CPU")
    assert (stamp.trained, stamp.loaded, stamp.data, stamp.fallback) == (0, 0, [], None)


@pytest.mark.parametrize(("old", "new"), [("print(6 * 7)", "print(7 * 7)"), ("# Second", "# Two")])
def test_a_changed_source_is_stale(book: Book, old: str, new: str) -> None:
    edit(book.notebook("02-second"), old, new)
    assert reasons(book) == [None, "its source changed"]


def test_a_changed_tag_or_need_is_stale(book: Book) -> None:
    path = book.notebook("02-second")
    notebook = nbformat.read(path, 4)
    notebook.cells[2].metadata["tags"] = ["hide-input"]
    nbformat.write(notebook, path)
    assert reasons(book) == [None, "its source changed"]


def test_what_an_editor_notes_in_a_notebook_is_no_change(book: Book) -> None:
    path = book.notebook("02-second")
    notebook = nbformat.read(path, 4)
    notebook.metadata["kernelspec"] = {"name": "mine", "display_name": "My Python"}
    notebook.metadata["language_info"] = {"name": "python", "version": "3.99"}
    notebook.cells[2].execution_count = 7
    notebook.cells[2].outputs = [nbformat.v4.new_output("stream", text="42\n")]
    nbformat.write(notebook, path)
    assert reasons(book) == [None, None]


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("The number is small.", "The number is tiny.", "its claims changed"),
        ("below: 3", "below: 2", "its claims changed"),
        ("expect: {laptop: holds}", "expect: {laptop: does not hold}", None),
        ("papers:", "# a remark\npapers:", None),
    ],
)
def test_claims_that_a_chapter_measures(book: Book, old: str, new: str, reason: str | None) -> None:
    edit(book.claims_file, old, new)
    assert reasons(book) == [reason, None]


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        ("press/figures.py", ["press/figures.py changed", None]),
        ("errors.py", ["errors.py changed", "errors.py changed"]),
        ("press/execute.py", [None, None]),
        ("supcon.py", [None, None]),
    ],
)
def test_only_code_that_a_chapter_loaded_makes_it_stale(
    book: Book,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    module: str,
    expected: list[str | None],
) -> None:
    package = tmp_path / "ncbook"
    shutil.copytree(stamps.PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(stamps, "PACKAGE", package)
    assert reasons(book) == [None, None]
    path = package / module
    path.write_text(path.read_text(encoding="utf-8") + "\n# changed\n", encoding="utf-8")
    assert reasons(book) == expected
    path.unlink()
    assert [bool(reason) for reason in reasons(book)] == [bool(reason) for reason in expected]


def test_line_ends_of_windows_are_no_change(
    book: Book, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "ncbook"
    shutil.copytree(stamps.PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(stamps, "PACKAGE", package)
    for path in [*package.rglob("*.py"), book.notebook("01-first"), book.claims_file]:
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert reasons(book) == [None, None]


def test_artifacts_that_are_not_its_own_make_it_stale(book: Book) -> None:
    edit(book.artifacts("smoke", "01-first") / "figures" / "count.csv", "0,1", "0,2")
    assert reasons(book) == ["its figures and numbers aren't the ones it left", None]
    shutil.rmtree(book.artifacts("smoke", "01-first"))
    assert reasons(book) == ["its figures and numbers aren't the ones it left", None]


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def alter_output(path: Path) -> None:
    edit(path, "smoke 0", "smoke 1")


def take_stamp(path: Path) -> None:
    edit(path, stamps.KEY, "other")


def alter_stamp(path: Path) -> None:
    edit(path, '"peak_memory"', '"peak"')


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (cut, "it is no whole notebook"),
        (empty, "it is no whole notebook"),
        (alter_output, "its content isn't what was written"),
        (take_stamp, "it has no stamp of this version"),
        (alter_stamp, "it has no stamp of this version"),
    ],
)
def test_a_damaged_copy_is_recognised(
    book: Book, damage: Callable[[Path], None], what: str
) -> None:
    damage(book.copy("smoke", "01-first"))
    with pytest.raises(DamagedError, match=what):
        find_staleness(book, "01-first", "smoke")
