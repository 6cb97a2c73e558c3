"""What all tests share: the checkout's root, and the command line run as a reader runs it."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from ncbook.press.book import Book

ROOT = Path(__file__).parents[1]
Finished = subprocess.CompletedProcess[str]


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def laptop_book(tmp_path_factory: pytest.TempPathFactory) -> "Book":
    """The book in a folder of its own, executed once for all tests in the readers' profile."""
    from ncbook.press.execute import execute

    book = copy_book(tmp_path_factory.mktemp("laptop"))
    execute(book, "laptop", jobs=2)
    return book


def copy_book(folder: Path) -> "Book":
    """The book's sources in another folder, so that a reader's executed copies stay as they are."""
    from ncbook.press.book import Book

    for name in ("_config.yml", "_toc.yml"):
        shutil.copy(ROOT / name, folder / name)
    shutil.copytree(ROOT / "book", folder / "book")
    return Book(folder)


@pytest.fixture(autouse=True)
def denormal_floats() -> None:
    """Training switches denormal floats off for its process; other tests need them."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_flush_denormal(False)


def call_ncbook(*arguments: str, cwd: Path = ROOT, **settings: str) -> Finished:
    """Run ``ncbook …`` in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "ncbook", *arguments],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | settings,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


@pytest.fixture
def ncbook(tmp_path: Path) -> Callable[..., Finished]:
    """Runs ``ncbook …`` with a cache of the test's own, unless told otherwise."""

    def call(*arguments: str, **settings: Any) -> Finished:
        return call_ncbook(*arguments, **{"NCBOOK_CACHE": str(tmp_path / "cache")} | settings)

    return call


def heed_ctrl_c() -> None:
    """Tests that a shell runs in the background hand down that SIGINT is to be ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
