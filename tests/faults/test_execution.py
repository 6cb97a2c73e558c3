"""Executing chapters, killed, interrupted, damaged and starved, for real."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from ncbook.press.book import Book
from ncbook.press.execute import ExecutionError, execute
from tests.conftest import heed_ctrl_c
from tests.press.fixture_book import FIGURE, write_book, write_notebook

ROOT = Path(__file__).parents[2]
SLEEPING = """
import os, time
from pathlib import Path
Path("{note}").write_text(str(os.getpid()))
time.sleep(120)
"""
EXECUTE = """
import sys
from pathlib import Path
from ncbook.press.book import Book
from ncbook.press.execute import execute
execute(Book(Path(sys.argv[1])), "smoke", jobs=2)
"""
unix = pytest.mark.skipif(sys.platform == "win32", reason="signals are those of Unix")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Book:
    """Two quick chapters, executed."""
    book = write_book(tmp_path_factory.mktemp("made") / "book")
    write_notebook(book.notebook("01-first"), "# First", "print('one')")
    write_notebook(book.notebook("02-second"), "# Second", "print('two')")
    execute(book, "smoke", jobs=2)
    return book


@pytest.fixture
def book(made: Book, tmp_path: Path) -> Book:
    """A copy to spoil."""
    shutil.copytree(made.root, tmp_path / "book")
    return Book(tmp_path / "book")


def put_to_sleep(book: Book, chapter: str) -> Path:
    """Rewrite a chapter so that it sleeps; returns the file that will name its kernel's process."""
    note = book.root / f"{chapter}.pid"
    write_notebook(book.notebook(chapter), "# Sleeping", SLEEPING.format(note=note.as_posix()))
    return note


def start(*command: str) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, *command],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def await_that(condition: Callable[[], object], what: str, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"never came about: {what}"
        time.sleep(0.05)


def kernel_of(note: Path) -> psutil.Process:
    await_that(lambda: note.is_file() and note.read_text(), "the kernel is in its cell")
    return psutil.Process(int(note.read_text()))


def gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


@unix
def test_killed_mid_notebook_nothing_is_half_written_and_no_kernel_stays(book: Book) -> None:
    good = book.copy("smoke", "01-first").read_bytes()
    note = put_to_sleep(book, "01-first")
    running = start("-c", EXECUTE, str(book.root))
    kernel = kernel_of(note)
    running.send_signal(signal.SIGKILL)
    running.communicate()
    await_that(lambda: gone(kernel), "the kernel ends without its parent", 10)
    assert book.copy("smoke", "01-first").read_bytes() == good
    assert sorted(p.name for p in book.executed("smoke").glob("*.ipynb*")) == [
        "01-first.ipynb",
        "02-second.ipynb",
    ]

    write_notebook(book.notebook("01-first"), "# First", "print('one again')")
    assert [r.status for r in execute(book, "smoke")] == ["executed", "current"]
    assert not list(book.executed("smoke").glob("work/*"))


@unix
def test_interrupted_it_says_one_line_and_ends_its_kernels(book: Book) -> None:
    good = book.copy("smoke", "01-first").read_bytes()
    notes = [put_to_sleep(book, chapter) for chapter in ("01-first", "02-second")]
    command = ["-m", "ncbook", "run", "--profile", "smoke", "--jobs", "2"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    running = subprocess.Popen(
        [sys.executable, *command],
        cwd=book.root,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_ctrl_c,
    )
    kernels = [kernel_of(note) for note in notes]
    running.send_signal(signal.SIGINT)
    _, shown = running.communicate(timeout=20)
    assert running.returncode == 130
    begun, said = shown.splitlines()[:2], shown.splitlines()[2:]
    assert all("executing" in line for line in begun)
    assert len(said) == 1, shown
    assert said[0].startswith("Interrupted.")
    assert all(gone(kernel) for kernel in kernels)
    assert book.copy("smoke", "01-first").read_bytes() == good
    assert not (book.made / "failed").exists()


@unix
def test_a_kernel_that_dies_fails_its_chapter_only(
    book: Book, capsys: pytest.CaptureFixture[str]
) -> None:
    suicide = "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"
    write_notebook(book.notebook("01-first"), "# First", "print('x')", suicide)
    write_notebook(book.notebook("02-second"), "# Second", "print('changed')")
    capsys.readouterr()
    with pytest.raises(ExecutionError) as caught:
        execute(book, "smoke")
    assert [r.status for r in caught.value.records] == ["failed", "executed"]
    shown = capsys.readouterr().err
    assert "01-first: failed in code cell 3" in shown
    assert "the kernel died, perhaps for want of memory" in shown
    assert "Traceback" not in shown


@pytest.mark.parametrize("keep", [0.6, 0.0])
def test_a_damaged_copy_is_named_set_aside_and_made_anew(
    book: Book, capsys: pytest.CaptureFixture[str], keep: float
) -> None:
    path = book.copy("smoke", "01-first")
    good = path.read_bytes()
    path.write_bytes(good[: int(keep * len(good))])
    capsys.readouterr()
    assert [r.status for r in execute(book, "smoke")] == ["executed", "current"]
    (aside,) = path.parent.glob("01-first.ipynb.damaged-*")
    assert aside.read_bytes() == good[: int(keep * len(good))]
    shown = capsys.readouterr().err
    assert f"01-first: executing (the copy was damaged and set aside as {aside.name})" in shown


def test_a_figure_without_alt_text_fails_its_chapter(
    book: Book, capsys: pytest.CaptureFixture[str]
) -> None:
    start_of_alt = "A straight line that rises"
    assert start_of_alt in FIGURE
    silent = FIGURE.replace(
        '"A straight line that rises from one at the left to two at the right."', '""'
    )
    assert start_of_alt not in silent
    write_notebook(book.notebook("01-first"), "# First", silent)
    capsys.readouterr()
    with pytest.raises(ExecutionError):
        execute(book, "smoke", ["01"])
    shown = capsys.readouterr().err
    assert "Figure 'count' has an alt text of fewer than 30 characters" in shown
    assert "Say in alt what it shows" in shown


def _can_mount() -> bool:
    unshare = shutil.which("unshare")
    mount = "mount -t tmpfs -o size=1m tmpfs /mnt"
    command = [unshare or "", "--map-root-user", "--mount", "sh", "-c", mount]
    return unshare is not None and subprocess.run(command, capture_output=True).returncode == 0


@pytest.mark.skipif(not _can_mount(), reason="no unprivileged mounts here")
@pytest.mark.parametrize(
    ("options", "cause"),
    [("size=64k", "No space left on device"), ("ro,size=1m", "Read-only file system")],
)
def test_a_full_or_forbidden_disk_is_one_cause_and_one_cure(
    book: Book, options: str, cause: str
) -> None:
    write_notebook(book.notebook("01-first"), "# First", "print('x' * 100_000)")
    shutil.rmtree(book.made)
    book.made.mkdir()
    inside = f"mount -t tmpfs -o {options} tmpfs '{book.made}' && \"$@\""
    mount = ["unshare", "--map-root-user", "--mount", "sh", "-c", inside, "sh"]
    command = [sys.executable, "-m", "ncbook", "run", "01", "--profile", "smoke"]
    done = subprocess.run(
        [*mount, *command],
        cwd=book.root,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    error, cure = done.stderr.splitlines()[-2:]
    assert error.startswith("Error: ")
    assert cause in error
    assert cure.startswith("Cure:  Free some space")
    assert "Traceback" not in done.stderr
