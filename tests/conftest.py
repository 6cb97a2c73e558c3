"""What all tests share: the checkout's root, and the command line run as a reader runs it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
Finished = subprocess.CompletedProcess[str]


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture
def ncbook(tmp_path: Path) -> Callable[..., Finished]:
    """Runs ``ncbook …`` in a process of its own, with a cache of its own unless told otherwise."""

    def call(*arguments: str, cwd: Path = ROOT, **settings: str) -> Finished:
        own = {"NCBOOK_CACHE": str(tmp_path / "cache"), "PYTHONPATH": str(ROOT)}
        environment = os.environ | own | settings
        command = [sys.executable, "-m", "ncbook", *arguments]
        return subprocess.run(
            command,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )

    return call
