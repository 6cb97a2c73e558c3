"""A cache that is damaged, full or forbidden, for real."""

import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ncbook.errors import NcbookError
from ncbook.lab import paths
from ncbook.lab.data import list_datasets, loading, verify
from ncbook.lab.data.catalogue import CATALOGUE
from ncbook.lab.data.preparing import prepare
from tests.data_world import Answer, Server, World, private_cache, serving, tiny_arrays

ROOT = Path(__file__).parents[2]
WORLD = World(tiny_arrays(train=300))
FILES = ("train_images.npy", "train_labels.npy", "test_images.npy", "test_labels.npy")
FULL = """
import sys
from ncbook.errors import NcbookError
from ncbook.lab.data.preparing import prepare
from tests.data_world import World, tiny_arrays
world = World(tiny_arrays(train=2000, noise=sys.argv[2] == "noise"))
try:
    prepare(world.spec(sys.argv[1]), None)
except NcbookError as error:
    print(error)
    sys.exit(error.exit_code)
"""


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


def flip(path: Path, offset: int) -> None:
    data = bytearray(path.read_bytes())
    data[offset] ^= 0xFF
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("file", [*FILES, "manifest.json"])
@pytest.mark.parametrize("damage", ["flipped", "truncated", "emptied", "removed"])
def test_a_damaged_file_is_named_set_aside_and_made_again(
    server: Server, cache: Path, caplog: pytest.LogCaptureFixture, file: str, damage: str
) -> None:
    spec = WORLD.spec(server.serve("good", Answer(WORLD.archive)))
    sound = prepare(spec, None).digest
    path = cache / "data" / "tiny" / file
    if damage == "flipped":
        flip(path, -1)
    elif damage == "removed":
        path.unlink()
    else:
        os.truncate(path, path.stat().st_size // 2 if damage == "truncated" else 0)
    with caplog.at_level(logging.WARNING, logger="ncbook"):
        again = prepare(spec, None)
    assert again.digest == sound
    assert np.array_equal(again.train_images, WORLD.arrays.train_images)
    assert str(path) in caplog.text
    aside = cache / "data" / f"tiny-{file}.damaged"
    assert aside.exists() == (damage != "removed")
    caplog.clear()
    prepare(spec, None)
    assert caplog.messages == []


def test_verify_finds_what_the_quick_check_leaves(
    server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = WORLD.spec(server.serve("good", Answer(WORLD.archive)))
    monkeypatch.setattr(loading, "lookup", lambda name: (CATALOGUE | {"tiny": spec})[name])
    sound = prepare(spec, None).digest
    assert verify("tiny").source == prepare(spec, None).source
    path = cache / "data" / "tiny" / "train_images.npy"
    flip(path, 30_000)  # between the pages that the quick check reads
    assert prepare(spec, None).digest == sound  # the quick check does not see it
    with pytest.raises(NcbookError, match=r"train_images\.npy is damaged") as caught:
        verify("tiny")
    assert caught.value.exit_code == 1
    assert "tiny-train_images.npy.damaged" in caught.value.cause
    assert "ncbook data get tiny" in caught.value.cure
    assert (cache / "data" / "tiny-train_images.npy.damaged").exists()
    again = prepare(spec, None)
    assert np.array_equal(again.train_images, WORLD.arrays.train_images)
    assert verify("tiny").cached


def test_the_list_marks_a_damaged_data_set(cache: Path) -> None:
    folder = cache / "data" / "mnist"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text("{}", encoding="utf-8")
    (record,) = [record for record in list_datasets() if record.name == "mnist"]
    assert (record.cached, record.source) == (True, "damaged")


def test_a_cache_that_can_not_be_made_is_an_error_of_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    monkeypatch.setenv("NCBOOK_CACHE", str(tmp_path / "file" / "cache"))
    for use in (paths.cache_dir, paths.data_dir, paths.runs_dir, list_datasets):
        with pytest.raises(NcbookError, match="can't be written to") as caught:
            use()
        assert caught.value.exit_code == 1
        assert "NCBOOK_CACHE" in caught.value.cure
        assert "\n" not in str(caught.value)


def _can_mount() -> bool:
    unshare = shutil.which("unshare")
    mount = "mount -t tmpfs -o size=1m tmpfs /mnt"
    command = [unshare or "", "--map-root-user", "--mount", "sh", "-c", mount]
    return unshare is not None and subprocess.run(command, capture_output=True).returncode == 0


small_disks = pytest.mark.skipif(not _can_mount(), reason="no unprivileged mounts here")


def on_a_disk(cache: Path, options: str, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command with a disk of its own as the cache; then list the files left there."""
    cache.mkdir()
    inside = (
        f"mount -t tmpfs -o {options} tmpfs '{cache}' && \"$@\"; code=$?;"
        f" cd '{cache}' && find . -type f -size +0; exit $code"
    )
    mount = ["unshare", "--map-root-user", "--mount", "sh", "-c", inside, "sh"]
    return subprocess.run([*mount, *command], cwd=ROOT, capture_output=True, text=True, timeout=60)


@small_disks
@pytest.mark.parametrize("content", ["noise", "black"])
def test_a_full_disk_is_said_and_leaves_nothing_in_place(
    server: Server, cache: Path, content: str
) -> None:
    """A disk of 2 MB: an archive of noise fills it; one of black images unpacks to 6 MB."""
    world = World(tiny_arrays(train=2000, noise=content == "noise"))
    source = server.serve("good", Answer(world.archive))
    done = on_a_disk(cache, "size=2m", sys.executable, "-c", FULL, source, content)
    assert done.returncode == 1, done.stderr
    line, *files = done.stdout.splitlines()
    assert "is full (No space left on device)" in line
    assert "Free some space" in line
    assert "Traceback" not in done.stderr
    download = "./data/downloads/tiny/tiny.tar.gz"
    assert files == [f"{download}.part" if content == "noise" else download]


@small_disks
def test_a_read_only_cache_is_an_error_of_one_line(server: Server, cache: Path) -> None:
    source = server.serve("good", Answer(WORLD.archive))
    done = on_a_disk(cache, "ro,size=1m", sys.executable, "-c", FULL, source, "noise")
    assert done.returncode == 1, done.stderr
    (line,) = done.stdout.splitlines()
    assert "can't be written to (Read-only file system)" in line
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_disk_that_fills_during_a_download_is_said(server: Server, cache: Path) -> None:
    part = cache / "data" / "downloads" / "tiny" / "tiny.tar.gz.part"
    part.parent.mkdir(parents=True)
    part.symlink_to("/dev/full")
    with pytest.raises(NcbookError, match="is full") as caught:
        prepare(WORLD.spec(server.serve("good", Answer(WORLD.archive))), None)
    assert caught.value.exit_code == 1
    assert not (cache / "data" / "tiny").exists()
