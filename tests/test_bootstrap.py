"""The file that runs before anything is installed: its messages, and what it does only once."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def bootstrap(root: Path) -> ModuleType:
    specification = importlib.util.spec_from_file_location("bootstrap", root / "bootstrap.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def start(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "bootstrap.py", *arguments]
    environment = os.environ | settings
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, encoding="utf-8", check=False
    )


def test_an_old_python_is_refused(bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 4))
    with pytest.raises(bootstrap.Problem, match=r"Python 3\.11 or newer is needed"):
        bootstrap.main(["build"])


def test_its_syntax_is_old_enough_to_say_so(root: Path) -> None:
    import ast

    source = (root / "bootstrap.py").read_text(encoding="utf-8")
    assert ast.parse(source, feature_version=(3, 7)).body


def test_a_python_without_ensurepip(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(bootstrap, "ENVIRONMENT", tmp_path / ".venv")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(bootstrap.Problem) as problem:
        bootstrap.make_environment()
    assert "apt install python3-venv" in problem.value.cure
    assert not (tmp_path / ".venv").exists()


@pytest.fixture
def checkout(root: Path, tmp_path: Path) -> Path:
    """A clone that holds what pip asks for."""
    for name in ("bootstrap.py", "pyproject.toml", "constraints.txt", "LICENSE", "LICENSE-TEXT"):
        shutil.copy(root / name, tmp_path)
    (tmp_path / "README.md").write_text("A book.", encoding="utf-8")
    (tmp_path / "ncbook").mkdir()
    shutil.copy(root / "ncbook" / "__init__.py", tmp_path / "ncbook")
    return tmp_path


def test_without_a_network_it_says_so_in_two_lines(checkout: Path) -> None:
    nowhere = "http://127.0.0.1:9/simple"
    settings = {"PIP_RETRIES": "1", "PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": ""}
    found = start(checkout, "build", PIP_INDEX_URL=nowhere, PIP_EXTRA_INDEX_URL="", **settings)
    assert found.returncode == 1
    cause, cure = found.stderr.splitlines()
    assert cause == "Error: pip reached no package index."
    assert cure.startswith("Cure:  Check the network")
    assert not (checkout / ".venv" / "ncbook-bootstrap.json").exists()


def test_an_unknown_command(checkout: Path) -> None:
    found = start(checkout, "biuld")
    assert found.returncode == 2
    assert found.stderr.splitlines() == [
        "Error: There is no command 'biuld'.",
        "Cure:  Say build, test or lock.",
    ]
    assert not (checkout / ".venv").exists()


def test_help(checkout: Path) -> None:
    found = start(checkout)
    assert found.returncode == 0
    assert "python3 bootstrap.py build" in found.stdout


def fake_environment(bootstrap: ModuleType, folder: Path) -> str:
    """An environment without packages; nothing but its prefix is asked for."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python: str = bootstrap.interpreter(folder)
    return python


def test_pip_runs_only_when_something_changed(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, checkout: Path
) -> None:
    calls: list[list[str]] = []
    monkeypatch.setattr(bootstrap, "ROOT", checkout)
    monkeypatch.setattr(bootstrap, "pip", calls.append)
    python = fake_environment(bootstrap, checkout / ".venv")
    install = bootstrap.install
    install(python, ["book"], locked=True)
    install(python, ["book"], locked=True)
    assert len(calls) == 1
    assert calls[0][-4:] == ["-c", "constraints.txt", "-e", ".[book]"]
    install(python, ["book", "test"], locked=True)
    install(python, ["book"], locked=True)
    assert len(calls) == 2, "the larger set holds the smaller one"
    with (checkout / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    install(python, ["book"], locked=True)
    assert len(calls) == 3
    install(python, ["book"], locked=False)
    assert "constraints.txt" not in calls[3], "--here keeps the reader's own torch"


def test_an_interrupted_installation_is_done_again(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, checkout: Path
) -> None:
    def interrupted(command: list[str]) -> None:
        raise KeyboardInterrupt

    calls: list[list[str]] = []
    monkeypatch.setattr(bootstrap, "ROOT", checkout)
    python = fake_environment(bootstrap, checkout / ".venv")
    monkeypatch.setattr(bootstrap, "pip", interrupted)
    with pytest.raises(KeyboardInterrupt):
        bootstrap.install(python, ["book"], locked=True)
    monkeypatch.setattr(bootstrap, "pip", calls.append)
    bootstrap.install(python, ["book"], locked=True)
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ("error: externally-managed-environment", "belongs to the system"),
        ("ERROR: [Errno 28] No space left on device", "disk is full"),
        ("ERROR: No matching distribution found for torch==2.15.0", "no release for this Python"),
        ("ERROR: Cannot install a and b", "pip failed: ERROR: Cannot install a and b"),
    ],
)
def test_pip_failures_are_explained(bootstrap: ModuleType, said: str, cause: str) -> None:
    assert cause in bootstrap.explain(["Collecting a", said]).cause


@pytest.mark.skipif(os.name == "nt", reason="on Windows the command runs as a child")
def test_the_exit_code_is_the_commands_own(bootstrap: ModuleType) -> None:
    program = "import bootstrap, sys; bootstrap.hand_over([sys.executable, '-c', 'exit(7)'])"
    found = subprocess.run(
        [sys.executable, "-c", program], cwd=bootstrap.ROOT, capture_output=True, check=False
    )
    assert found.returncode == 7
