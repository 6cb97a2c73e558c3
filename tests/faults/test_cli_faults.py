"""What goes wrong at the command line ends in two lines, a cause and a cure, and an exit code."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT, heed_ctrl_c

Finished = subprocess.CompletedProcess[str]
Call = Callable[..., Finished]
WINDOWS = pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
ENDLESS = {
    "dataset": "digits",
    "epochs": 100_000,
    "batch_size": 50,
    "subset": {"train_size": 100, "test_size": 50},
    "model": {"in_channels": 1},
}


def expect(found: Finished, code: int, cause: str, cure: str = "") -> None:
    """Two lines and nothing else, the first with the cause."""
    lines = found.stderr.splitlines()
    assert found.returncode == code, found.stderr
    assert len(lines) == 2, found.stderr
    assert lines[0].startswith("Error: ")
    assert cause in lines[0]
    assert lines[1].startswith("Cure:  ")
    assert cure in lines[1]


@pytest.mark.parametrize(
    ("arguments", "cause", "cure"),
    [
        (["train", "ce", "--profile", "desktop"], "Unknown profile 'desktop'", "smoke, laptop"),
        (["train", "cubism"], "Unknown experiment 'cubism'", "ce"),
        (["data", "get", "cifar11"], "There is no data set 'cifar11'", "cifar10"),
        (["data", "verify", "cifar11"], "There is no data set 'cifar11'", "cifar10"),
        (["runs", "show", "ffff"], "No run with an id that begins 'ffff'", "ncbook runs list"),
        (["runs", "rm", "ffff"], "No run with an id that begins 'ffff'", "ncbook runs list"),
        (["train", "missing.yml"], "Can't read missing.yml", "readable file"),
        (["bench", "nothing"], "There is no benchmark 'nothing'", "supcon"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_unknown_names_are_wrong_usage(
    ncbook: Call, arguments: list[str], cause: str, cure: str
) -> None:
    expect(ncbook(*arguments), 2, cause, cure)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("epochs: [1", "expected ',' or ']'"),
        ("just words", "expected settings with names, got str"),
        ("epoch: 3", "Unknown setting 'epoch'"),
        ("epochs: soon", "The run's epochs is 'soon'"),
        ("epochs: 0", "epochs is 0"),
        ("model: {arch: resnet9}", "resnet9"),
        ("dataset: cifar11", "There is no data set 'cifar11'"),
    ],
)
def test_a_file_that_is_no_configuration(
    ncbook: Call, tmp_path: Path, text: str, cause: str
) -> None:
    path = tmp_path / "run.yml"
    path.write_text(text, encoding="utf-8")
    expect(ncbook("train", str(path)), 2, cause)


def test_a_data_directory_without_the_data(ncbook: Call, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    found = ncbook("train", "ce", "--profile", "smoke", "--data-dir", str(empty))
    expect(found, 2, f"The data directory {empty} holds no cifar10")


@pytest.mark.parametrize("command", ["runs list", "data list", "train ce"])
def test_a_cache_that_can_not_be_written(ncbook: Call, tmp_path: Path, command: str) -> None:
    file = tmp_path / "file"
    file.write_text("not a folder", encoding="utf-8")
    found = ncbook(*command.split(), NCBOOK_CACHE=str(file / "cache"))
    expect(found, 1, "can't be written to", "Set NCBOOK_CACHE")


def test_doctor_says_how_to_mend_the_cache(ncbook: Call, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("not a folder", encoding="utf-8")
    found = ncbook("doctor", NCBOOK_CACHE=str(file / "cache"))
    assert found.returncode == 1
    assert "MISSING  cache" in found.stdout
    assert "to mend: Set NCBOOK_CACHE" in found.stdout


def test_doctor_finds_a_torchvision_made_for_another_torch(ncbook: Call, tmp_path: Path) -> None:
    package = tmp_path / "torchvision"
    package.mkdir()
    riddle = "raise RuntimeError('operator torchvision::nms does not exist')\n"
    (package / "__init__.py").write_text(riddle, encoding="utf-8")
    found = ncbook("doctor", PYTHONPATH=os.pathsep.join([str(tmp_path), str(ROOT)]))
    assert found.returncode == 1
    assert "MISSING  torch and torchvision: they don't go together" in found.stdout
    assert "torch>=2.6,!=2.13.*" in found.stdout


def test_outside_of_any_book_the_chapters_of_this_checkout_are_meant(
    ncbook: Call, tmp_path: Path
) -> None:
    found = ncbook("run", "no-such-chapter", cwd=tmp_path)
    expect(found, 2, "No chapter's name begins", "01-what-collapses")


def test_serve_without_a_site(ncbook: Call, tmp_path: Path) -> None:
    (tmp_path / "book").mkdir()
    (tmp_path / "_toc.yml").write_text("root: book/intro", encoding="utf-8")
    expect(ncbook("serve", cwd=tmp_path), 1, "There is no site", "ncbook build")


def test_a_port_that_is_taken(ncbook: Call, tmp_path: Path) -> None:
    import socket

    site = tmp_path / "_build" / "html"
    site.mkdir(parents=True)
    (tmp_path / "book").mkdir()
    (tmp_path / "_toc.yml").write_text("root: book/intro", encoding="utf-8")
    (site / "index.html").write_text("The book.", encoding="utf-8")
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = str(holder.getsockname()[1])
        expect(ncbook("serve", "--port", port, cwd=tmp_path), 2, f"Port {port} can't be used")


def test_debug_shows_the_traceback_too(ncbook: Call) -> None:
    for found in (
        ncbook("--debug", "data", "get", "cifar11"),
        ncbook("data", "get", "cifar11", NCBOOK_DEBUG="1"),
    ):
        assert found.returncode == 2
        assert "Traceback (most recent call last)" in found.stderr
        assert "Error: There is no data set 'cifar11'." in found.stderr


def test_an_error_of_our_own_making_is_two_lines_as_well(ncbook: Call, tmp_path: Path) -> None:
    (tmp_path / "book").mkdir()
    (tmp_path / "_toc.yml").write_text("root: book/intro", encoding="utf-8")
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "broken.py").write_bytes(b"\xff\xfe")
    expect(ncbook("bench", cwd=tmp_path), 1, "Unexpected UnicodeDecodeError", "--debug")


def start(arguments: list[str], cache: Path, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "ncbook", *arguments],
        cwd=folder,
        env=os.environ | {"NCBOOK_CACHE": str(cache), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        start_new_session=True,  # a terminal's Ctrl-C reaches the whole group, and so does ours
        preexec_fn=heed_ctrl_c,
    )


def ctrl_c(process: subprocess.Popen[str]) -> str:
    """Press it, and once more after a while: a library may swallow what meets its import."""
    os.killpg(process.pid, signal.SIGINT)
    try:
        return process.communicate(timeout=30)[1]
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGINT)
        return process.communicate(timeout=30)[1]


@WINDOWS
@pytest.mark.parametrize("seconds", [0.05, 0.3, 0.7, 1.5])
def test_ctrl_c_while_starting_is_one_line(tmp_path: Path, seconds: float) -> None:
    path = tmp_path / "endless.yml"
    path.write_text(yaml.safe_dump(ENDLESS), encoding="utf-8")
    process = start(["train", str(path)], tmp_path / "cache", tmp_path)
    time.sleep(seconds)
    stderr = ctrl_c(process)
    if process.returncode == -signal.SIGINT:
        return  # before Python had reached the first line of ours
    assert process.returncode == 130, stderr
    assert stderr.splitlines()[-1].startswith("Interrupted.")
    assert "Traceback" not in stderr


@WINDOWS
def test_ctrl_c_in_training_is_one_line_and_keeps_what_was_done(
    ncbook: Call, tmp_path: Path
) -> None:
    path = tmp_path / "endless.yml"
    path.write_text(yaml.safe_dump(ENDLESS), encoding="utf-8")
    cache = tmp_path / "cache"
    process = start(["train", str(path), "--device", "cpu"], cache, tmp_path)
    deadline = time.monotonic() + 120
    while not list(cache.glob("runs/*.partial/*")) and time.monotonic() < deadline:
        time.sleep(0.1)
    stderr = ctrl_c(process)
    assert process.returncode == 130
    assert "Traceback" not in stderr
    assert stderr.splitlines()[-1].startswith("Interrupted.")
    assert "unfinished" in ncbook("runs", "list").stdout


@WINDOWS
def test_serve_ends_with_ctrl_c(tmp_path: Path) -> None:
    site = tmp_path / "_build" / "html"
    site.mkdir(parents=True)
    (tmp_path / "book").mkdir()
    (tmp_path / "_toc.yml").write_text("root: book/intro", encoding="utf-8")
    (site / "index.html").write_text("The book.", encoding="utf-8")
    process = start(["serve", "--port", "0"], tmp_path / "cache", tmp_path)
    assert process.stdout is not None
    assert "until Ctrl-C" in process.stdout.readline()
    assert ctrl_c(process) == ""
    assert process.returncode == 0
