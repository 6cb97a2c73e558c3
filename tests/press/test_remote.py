"""Chapters on a real cluster of local processes: what comes back is what is executed here."""

import os
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from dask.distributed import Client
from typer.testing import CliRunner

from ncbook.cli.app import app
from ncbook.errors import NcbookError
from ncbook.lab.cluster import connected
from ncbook.press import remote, stamps
from ncbook.press.book import Book
from ncbook.press.execute import ExecutionError, execute
from ncbook.press.remote import execute_on_cluster
from ncbook.press.stamps import find_staleness, read
from tests.press.fixture_book import write_book, write_notebook


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with connected("local", workers=2) as client:
        yield client


@pytest.fixture
def address(client: Client) -> str:
    client.wait_for_workers(2)
    return str(client.scheduler.address)


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return write_book(tmp_path / "book")


def test_the_copies_are_those_that_are_executed_here(
    address: str, book: Book, made: Book, capsys: pytest.CaptureFixture[str]
) -> None:
    records = execute_on_cluster(book, "smoke", None, address)
    assert [record.status for record in records] == ["executed", "executed"]
    assert min(record.peak_memory for record in records) > 1e7
    lines = [line for line in capsys.readouterr().err.splitlines() if ": executing" in line]
    assert [line.split(":")[0] for line in lines] == ["01-first", "02-second"], (
        "one needs the other"
    )
    for chapter in book.chapters:
        there, stamp = read(book.copy("smoke", chapter))
        here, expected = read(made.copy("smoke", chapter))
        assert there.cells == here.cells
        assert (stamp.source, stamp.modules) == (expected.source, expected.modules)
        assert stamp.content == expected.content
        assert find_staleness(book, chapter, "smoke") is None
    figures = "artifacts/01-first/figures/count.svg"
    assert (book.executed("smoke") / figures).is_file()
    assert [record.status for record in execute(book, "smoke")] == ["current", "current"]
    assert not list((book.executed("smoke") / "work").iterdir())


def test_a_failing_chapter_shows_its_cell_and_stops_no_other(
    address: str, book: Book, capsys: pytest.CaptureFixture[str]
) -> None:
    write_notebook(book.notebook("01-first"), "# First", "print('x')", "y = 1\n1 / 0", "print('z')")
    write_notebook(book.notebook("02-second"), "# Second", "print(seed)")
    with pytest.raises(ExecutionError) as caught:
        execute_on_cluster(book, "smoke", None, address, seed=3)
    assert [record.status for record in caught.value.records] == ["failed", "executed"]
    shown = capsys.readouterr().err
    for part in ("failed in code cell 3:", "    1 / 0", "ZeroDivisionError: division by zero"):
        assert part in shown
    failed = book.made / "failed" / "01-first.failed.ipynb"
    assert "ZeroDivisionError" in failed.read_text(encoding="utf-8")
    assert not book.copy("smoke", "01-first").exists()
    cells = nbformat.read(book.copy("smoke", "02-second"), 4).cells
    assert "3\n" in [output["text"] for output in cells[-1].outputs]


def test_a_worker_with_other_code_is_refused(
    address: str, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = stamps.hash_modules() | {"press/kernel.py": "another"}
    monkeypatch.setattr(remote, "ask", lambda client, function: {"tcp://there:1": other})
    with pytest.raises(
        NcbookError, match=r"tcp://there:1 has another ncbook/press/kernel\.py"
    ) as error:
        execute_on_cluster(book, "smoke", None, address)
    assert error.value.exit_code == 2
    assert not book.made.exists()


def test_the_command_line_hands_on_what_it_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[object, ...]] = []
    monkeypatch.setattr(remote, "execute_on_cluster", lambda book, *rest: asked.append(rest))
    words = ["run", "01", "--profile", "smoke", "--cluster", "local", "--jobs", "3", "--seed", "4"]
    result = CliRunner().invoke(app, [*words, "--device", "cpu"])
    assert result.exit_code == 0, result.output
    assert asked == [("smoke", ["01"], "local", 3, 4, "cpu", None, False)]


@pytest.mark.skipif(os.name == "nt", reason="sends POSIX signals")
def test_a_worker_killed_in_mid_chapter_costs_only_time(
    address: str, book: Book, tmp_path: Path
) -> None:
    kill = "import os, signal\nif not os.path.exists({0!r}):\n    open({0!r}, 'w').close()\n"
    kill += "    os.kill(os.getppid(), signal.SIGKILL)"
    write_notebook(book.notebook("01-first"), "# First", kill.format(str(tmp_path / "once")))
    (record,) = execute_on_cluster(book, "smoke", ["01"], address)
    assert record.status == "executed"
    assert (tmp_path / "once").exists()
