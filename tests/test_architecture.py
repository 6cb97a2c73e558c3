"""The arrows between the parts, the style and the types hold: the project's own tools say so."""

import subprocess
import sys
from pathlib import Path

import pytest


def run(root: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=root,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def test_import_contracts_are_kept(root: Path) -> None:
    program = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports())"
    command = [sys.executable, "-c", program]
    found = subprocess.run(command, cwd=root, capture_output=True, encoding="utf-8", check=False)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "2 kept, 0 broken" in found.stdout


@pytest.mark.parametrize("command", [("check",), ("format", "--check")], ids=" ".join)
def test_style(root: Path, command: tuple[str, ...]) -> None:
    found = run(root, "ruff", *command, "--no-cache", ".")
    assert found.returncode == 0, found.stdout + found.stderr


def test_types(root: Path) -> None:
    found = run(root, "mypy")
    assert found.returncode == 0, found.stdout + found.stderr
