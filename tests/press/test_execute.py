"""Chapters through papermill for real: what is kept, what is shown, what happens when one fails."""

import json
import os
import sys
import time
from pathlib import Path

import nbformat
import pytest
from filelock import FileLock

from ncbook.errors import NcbookError
from ncbook.press.book import Book
from ncbook.press.execute import ExecutionError, execute
from ncbook.press.stamps import read
from tests.press.fixture_book import write_book, write_notebook


@pytest.fixture
def book(tmp_path: Path) -> Book:
    """Two chapters of one cell, quick to execute."""
    book = write_book(tmp_path / "book")
    write_notebook(book.notebook("01-first"), "# First", "print('one')")
    write_notebook(book.notebook("02-second"), "# Second", "print('two')")
    return book


def statuses(book: Book, **options: object) -> list[str]:
    return [record.status for record in execute(book, "smoke", **options)]  # type: ignore[arg-type]


def printed(book: Book, chapter: str) -> str:
    cells = nbformat.read(book.copy("smoke", chapter), 4).cells
    return "".join(o.get("text", "") for c in cells for o in c.get("outputs", []))


def files(book: Book) -> dict[str, int]:
    return {str(p): p.stat().st_mtime_ns for p in sorted(book.made.rglob("*")) if p.is_file()}


def test_the_copy_has_outputs_and_hides_what_execution_added(made: Book) -> None:
    notebook, _ = read(made.copy("smoke", "01-first"))
    assert printed(made, "01-first") == "smoke 0\n", "stdout with the parameters, no stderr"
    assert any(
        "text/html" in o.get("data", {}) for c in notebook.cells for o in c.get("outputs", [])
    )
    (injected,) = (c for c in notebook.cells if "injected-parameters" in c.metadata.get("tags", []))
    assert "remove-cell" in injected.metadata["tags"]
    assert not any("leave()" in c.source for c in notebook.cells)
    nbformat.validate(notebook)


def test_the_copy_knows_nothing_of_the_machine(made: Book) -> None:
    text = made.copy("smoke", "01-first").read_text(encoding="utf-8")
    for path in (str(made.root), sys.prefix, str(Path.home()), str(Path.cwd())):
        assert path not in text
    assert "papermill" not in text.replace("application/papermill.record", "")


def test_the_sources_stay_as_they_were(made: Book, tmp_path: Path) -> None:
    fresh = write_book(tmp_path / "fresh")
    names = sorted(p.relative_to(made.source) for p in made.source.rglob("*"))
    assert names == sorted(p.relative_to(fresh.source) for p in fresh.source.rglob("*"))
    assert '"outputs": []' in made.notebook("01-first").read_text(encoding="utf-8")


def test_figures_numbers_and_claims_lie_beside_the_copy(made: Book) -> None:
    folder = made.artifacts("smoke", "01-first")
    numbers = json.loads((folder / "glue.json").read_text(encoding="utf-8"))
    assert numbers == {"number": {"value": 1.5, "text": "1.50"}}
    assert (folder / "figures" / "count.svg").is_file()
    verdict = json.loads((folder / "claims.json").read_text(encoding="utf-8"))["small-number"]
    assert (verdict["profile"], verdict["verdict"]) == ("smoke", "holds")


def test_again_nothing_is_done(made: Book, capsys: pytest.CaptureFixture[str]) -> None:
    before, start = files(made), time.perf_counter()
    assert statuses(made) == ["current", "current"]
    assert time.perf_counter() - start < 2
    assert {k: v for k, v in files(made).items() if not k.endswith(".lock")} == {
        k: v for k, v in before.items() if not k.endswith(".lock")
    }
    assert "executing" not in capsys.readouterr().err


def test_executed_anew_the_copy_has_the_same_bytes_but_for_its_stamp(made: Book) -> None:
    first, stamp = read(made.copy("smoke", "01-first"))
    assert statuses(made, chapters=["01"], force=True) == ["executed"]
    second, again = read(made.copy("smoke", "01-first"))
    assert first.cells == second.cells
    assert (stamp.content, stamp.artifacts) == (again.content, again.artifacts)


def test_only_what_changed_or_is_asked_for_is_executed(book: Book) -> None:
    assert statuses(book) == ["executed", "executed"]
    write_notebook(book.notebook("02-second"), "# Second", "print('two again')")
    assert statuses(book) == ["current", "executed"]
    assert printed(book, "02-second") == "two again\n"
    assert statuses(book, chapters=["02"], seed=3) == ["executed"]
    assert statuses(book, chapters=["02-second"], seed=3) == ["current"]
    assert statuses(book) == ["current", "executed"], "the seed is another one again"


def test_a_failing_chapter_keeps_its_last_good_copy_and_stops_no_other(
    book: Book, capsys: pytest.CaptureFixture[str]
) -> None:
    execute(book, "smoke")
    good = book.copy("smoke", "01-first").read_bytes()
    write_notebook(book.notebook("01-first"), "# First", "print('x')", "y = 1\n1 / 0", "print('z')")
    write_notebook(book.notebook("02-second"), "# Second", "print('changed')")
    capsys.readouterr()
    with pytest.raises(ExecutionError) as caught:
        execute(book, "smoke")
    assert caught.value.exit_code == 1
    assert [r.status for r in caught.value.records] == ["failed", "executed"]
    assert "1 chapter of 2 failed: 01-first" in caught.value.cause
    shown = capsys.readouterr().err
    for part in ("failed in code cell 3:", "    1 / 0", "ZeroDivisionError: division by zero"):
        assert part in shown
    assert "Traceback" not in shown
    assert book.copy("smoke", "01-first").read_bytes() == good
    failed = book.made / "failed" / "01-first.failed.ipynb"
    assert str(failed) in shown
    assert "ZeroDivisionError" in failed.read_text(encoding="utf-8")
    assert not list(book.executed("smoke").rglob("*.tmp"))

    write_notebook(book.notebook("01-first"), "# First", "print('mended')")
    assert statuses(book) == ["executed", "current"]
    assert not failed.exists()


def test_needs_come_first(book: Book, capsys: pytest.CaptureFixture[str]) -> None:
    write_notebook(book.notebook("01-first"), "# First", "print(1)", needs=["02-second"])
    assert [record.chapter for record in execute(book, "smoke")] == ["01-first", "02-second"]
    lines = [line for line in capsys.readouterr().err.splitlines() if "executing" in line]
    assert [line.split(":")[0] for line in lines] == ["02-second", "01-first"]


def test_needs_that_cannot_be_met(book: Book) -> None:
    write_notebook(book.notebook("01-first"), "# First", "print(1)", needs=["03-third"])
    with pytest.raises(NcbookError, match="needs '03-third', no chapter") as caught:
        execute(book, "smoke")
    assert caught.value.exit_code == 2
    write_notebook(book.notebook("01-first"), "# First", "print(1)", needs=["02-second"])
    write_notebook(book.notebook("02-second"), "# Second", "print(1)", needs=["01-first"])
    with pytest.raises(NcbookError, match="Chapters need each other: 0"):
        execute(book, "smoke")


@pytest.mark.parametrize(
    ("profile", "options", "cause"),
    [
        ("desk", {}, "Unknown profile 'desk'"),
        ("smoke", {"chapters": ["07"]}, "No chapter's name begins with '07'"),
        ("smoke", {"chapters": ["0"]}, "Several chapters' names begin with '0'"),
        ("smoke", {"jobs": 0}, "0 jobs can't be run"),
    ],
)
def test_asked_for_wrongly(
    book: Book, profile: str, options: dict[str, object], cause: str
) -> None:
    with pytest.raises(NcbookError) as caught:
        execute(book, profile, **options)  # type: ignore[arg-type]
    assert (caught.value.cause, caught.value.exit_code) == (cause, 2)
    assert not book.made.exists()


def test_one_process_at_a_time(book: Book) -> None:
    book.made.mkdir()
    with (
        FileLock(book.made / ".lock"),
        pytest.raises(NcbookError, match="Another process is executing or building"),
    ):
        execute(book, "smoke")


def test_jobs_run_side_by_side_and_share_the_cores(book: Book) -> None:
    meet = """
import os, time
from pathlib import Path
Path("{mine}").touch()
for _ in range(600):
    if Path("{other}").exists():
        break
    time.sleep(0.05)
else:
    raise TimeoutError("the other chapter never came")
print(os.environ["OMP_NUM_THREADS"])
"""
    folder = book.root.as_posix()
    a, b = f"{folder}/a", f"{folder}/b"
    write_notebook(book.notebook("01-first"), "# First", meet.format(mine=a, other=b))
    write_notebook(book.notebook("02-second"), "# Second", meet.format(mine=b, other=a))
    assert statuses(book, jobs=2) == ["executed", "executed"]
    assert printed(book, "01-first").strip() == str(max(1, (os.cpu_count() or 1) // 2))


def test_the_kernel_is_this_python_whatever_is_installed(
    book: Book, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rogue = tmp_path / "jupyter" / "kernels" / "python3"
    rogue.mkdir(parents=True)
    spec = {
        "argv": ["no-such-python", "{connection_file}"],
        "display_name": "P",
        "language": "python",
    }
    (rogue / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.setenv("EXPECTED", sys.executable)
    code = "import os, sys\nprint(sys.executable == os.environ['EXPECTED'])"
    write_notebook(book.notebook("01-first"), "# First", code)
    execute(book, "smoke", ["01"])
    assert printed(book, "01-first") == "True\n"


def test_the_data_folder_reaches_the_kernel_but_not_the_page(book: Book, tmp_path: Path) -> None:
    code = "import os\nprint(os.environ['NCBOOK_DATA'].endswith('my-data'), data_dir)"
    write_notebook(book.notebook("01-first"), "# First", code)
    execute(book, "smoke", ["01"], data_dir=tmp_path / "my-data")
    assert printed(book, "01-first") == "True None\n"
    assert str(tmp_path) not in book.copy("smoke", "01-first").read_text(encoding="utf-8")


def test_peak_memory_counts_children(book: Book) -> None:
    child = "import time; x = bytearray(b'x') * 300_000_000; time.sleep(1.5)"
    code = f'import subprocess, sys\nsubprocess.run([sys.executable, "-c", "{child}"], check=True)'
    write_notebook(book.notebook("01-first"), "# First", code)
    (record,) = execute(book, "smoke", ["01"])
    assert 300e6 < record.peak_memory < 600e6


def test_runs_and_data_of_a_chapter_are_counted(book: Book) -> None:
    code = """
from ncbook import journal
journal.note("data", name="digits", source="scikit-learn", fallback=True)
journal.note("run", id="a", trained=True, device="slow")
journal.note("run", id="a", trained=False, device="slow")
journal.note("run", id="b", trained=False, device="fast")
"""
    write_notebook(book.notebook("01-first"), "# First", code)
    (record,) = execute(book, "smoke", ["01"])
    assert (record.trained, record.loaded) == (1, 1)
    _, stamp = read(book.copy("smoke", "01-first"))
    assert stamp.device == "slow, fast"
    assert stamp.fallback == "digits"
    (again,) = execute(book, "smoke", ["01"])
    assert again.status == "executed", "the real data may be within reach by now"
