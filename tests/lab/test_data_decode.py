"""Decoding, held against torchvision's own readers of the same files."""

import gzip
import hashlib
import io
import json
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torchvision.datasets as peers
from PIL import Image
from torchvision.datasets.mnist import read_image_file, read_label_file

from ncbook.lab.data import folder
from ncbook.lab.data.catalogue import CATALOGUE
from ncbook.lab.data.dataset import Arrays
from ncbook.lab.data.decode import CifarLayout, read_cifar_archive, read_idx_folder, read_sprites
from ncbook.lab.data.failures import SourceFailure
from tests.data_world import ARCHIVE, FOLDER, World, idx, tar_gz

WORLD = World()


def same(first: Arrays, second: Arrays) -> bool:
    pairs = zip(first.named().values(), second.named().values(), strict=True)
    return all(a.dtype == b.dtype and np.array_equal(a, b) for a, b in pairs)


def unpack(root: Path) -> Path:
    (root / FOLDER).mkdir(parents=True)
    for name, data in WORLD.files.items():
        (root / FOLDER / name).write_bytes(data)
    return root


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_cifar_is_declared_as_torchvision_has_it(name: str) -> None:
    peer = {"cifar10": peers.CIFAR10, "cifar100": peers.CIFAR100}[name]
    spec = CATALOGUE[name]
    assert isinstance(spec.layout, CifarLayout)
    assert [list(entry) for entry in spec.layout.train] == peer.train_list
    assert [list(entry) for entry in spec.layout.test] == peer.test_list
    assert spec.layout.folder == peer.base_folder
    assert len(set(spec.class_names)) == {"cifar10": 10, "cifar100": 100}[name]
    mirrors = [source for source in spec.sources if hasattr(source, "base")]
    assert peer.url == mirrors[-1].base + mirrors[-1].files[0].name  # the original host, last
    assert {mirror.files[0].md5 for mirror in mirrors} == {peer.tgz_md5}


@pytest.mark.parametrize("name", ["mnist", "fashionmnist"])
def test_mnist_is_declared_as_torchvision_has_it(name: str) -> None:
    peer = {"mnist": peers.MNIST, "fashionmnist": peers.FashionMNIST}[name]
    mirrors = [source for source in CATALOGUE[name].sources if hasattr(source, "base")]
    assert {mirror.base for mirror in mirrors} <= set(peer.mirrors)
    for mirror in mirrors:
        assert [(file.name, file.md5) for file in mirror.files] == peer.resources


def test_cifar_reads_as_torchvision_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unpack(tmp_path)
    found = folder.find(tmp_path, WORLD.layout)
    assert found is not None
    arrays = folder.read(found, WORLD.layout)
    monkeypatch.setattr(peers.CIFAR10, "train_list", [list(e) for e in WORLD.layout.train])
    monkeypatch.setattr(peers.CIFAR10, "test_list", [list(e) for e in WORLD.layout.test])
    monkeypatch.setattr(peers.CIFAR10, "_load_meta", lambda self: None)
    train, test = peers.CIFAR10(str(tmp_path)), peers.CIFAR10(str(tmp_path), train=False)
    theirs = Arrays(train.data, np.array(train.targets), test.data, np.array(test.targets))
    assert same(arrays, theirs)
    assert same(arrays, WORLD.arrays)


@pytest.mark.parametrize("form", ["root", "batches", "archive"])
def test_a_folder_is_found_in_each_of_torchvisions_forms(tmp_path: Path, form: str) -> None:
    if form == "archive":
        (tmp_path / ARCHIVE).write_bytes(WORLD.archive)
    else:
        unpack(tmp_path)
    found = folder.find(tmp_path / FOLDER if form == "batches" else tmp_path, WORLD.layout)
    assert found is not None
    assert same(folder.read(found, WORLD.layout), WORLD.arrays)


def test_a_folder_without_the_data_is_not_found(tmp_path: Path) -> None:
    (tmp_path / "other.txt").write_text("nothing", encoding="utf-8")
    assert folder.find(tmp_path, WORLD.layout) is None
    assert folder.find(tmp_path / "missing", WORLD.layout) is None


def test_a_folder_with_a_batch_missing_names_it(tmp_path: Path) -> None:
    unpack(tmp_path)
    (tmp_path / FOLDER / "data_batch_1").unlink()
    with pytest.raises(SourceFailure, match="data_batch_1"):
        folder.read(tmp_path / FOLDER, WORLD.layout)


@pytest.mark.parametrize("packed", [False, True])
def test_idx_files_read_as_torchvision_reads_them(tmp_path: Path, packed: bool) -> None:
    rng = np.random.default_rng(1)
    raw = {
        "train-images-idx3-ubyte": idx(rng.integers(0, 256, (6, 28, 28))),
        "train-labels-idx1-ubyte": idx(np.arange(6)),
        "t10k-images-idx3-ubyte": idx(rng.integers(0, 256, (4, 28, 28))),
        "t10k-labels-idx1-ubyte": idx(np.arange(4)),
    }
    for name, data in raw.items():
        (tmp_path / name).write_bytes(data)
    images = read_image_file(str(tmp_path / "train-images-idx3-ubyte")).numpy()
    labels = read_label_file(str(tmp_path / "t10k-labels-idx1-ubyte")).numpy()
    if packed:
        for name, data in raw.items():
            (tmp_path / name).unlink()
            (tmp_path / f"{name}.gz").write_bytes(gzip.compress(data))
    arrays = read_idx_folder(tmp_path)
    assert arrays.train_images.shape == (6, 28, 28, 1)
    assert np.array_equal(arrays.train_images[..., 0], images)
    assert np.array_equal(arrays.test_labels, labels)
    assert arrays.test_labels.dtype == np.int64


@pytest.mark.parametrize("length", [0, 3, 10, 900])
def test_a_short_idx_file_is_refused(tmp_path: Path, length: int) -> None:
    whole = {"images-idx3": idx(np.zeros((2, 28, 28))), "labels-idx1": idx(np.zeros(2))}
    for split in ("train", "t10k"):
        for kind, data in whole.items():
            (tmp_path / f"{split}-{kind}-ubyte").write_bytes(data[:length])
    with pytest.raises(SourceFailure, match="not a whole IDX file"):
        read_idx_folder(tmp_path)


def test_sprites_hold_an_image_a_row(tmp_path: Path) -> None:
    def png(images: np.ndarray) -> bytes:
        out = io.BytesIO()
        Image.fromarray(images.reshape(len(images), 1024, 3)).save(out, "PNG")
        return out.getvalue()

    arrays = WORLD.arrays
    files = {
        "a.png": png(arrays.train_images[:10]),
        "b.png": png(arrays.train_images[10:]),
        "t.png": png(arrays.test_images),
        "train.json": json.dumps(arrays.train_labels.tolist()).encode(),
        "test.json": json.dumps(arrays.test_labels.tolist()).encode(),
    }
    path = tmp_path / "sprites.tgz"
    path.write_bytes(tar_gz(files, "package"))
    train, test = ("package/a.png", "package/b.png"), ("package/t.png",)
    labels = ("package/train.json", "package/test.json")
    assert same(read_sprites(path, train, test, labels), arrays)
    path.write_bytes(tar_gz(files | {"b.png": b"not a picture"}, "package"))
    with pytest.raises(SourceFailure, match="sprites"):
        read_sprites(path, train, test, labels)


@pytest.mark.parametrize(
    "archive",
    [
        WORLD.archive[: len(WORLD.archive) // 2],
        b"<html>",
        gzip.compress(b"no tar"),
        tar_gz({"test_batch": WORLD.files["test_batch"]}),
        tar_gz(WORLD.files, "another-folder"),
        tar_gz(WORLD.files | {"data_batch_1": WORLD.files["test_batch"]}),
    ],
    ids=["truncated", "html", "no tar", "file missing", "other folder", "swapped file"],
)
def test_a_bad_archive_is_refused(tmp_path: Path, archive: bytes) -> None:
    path = tmp_path / ARCHIVE
    path.write_bytes(archive)
    with pytest.raises(SourceFailure):
        read_cifar_archive(path, WORLD.layout)


def test_nothing_is_unpickled_before_its_hash_is_right(tmp_path: Path) -> None:
    trap = tmp_path / "sprung"
    evil = f"cbuiltins\nexec\n(Vopen({str(trap)!r}, 'w').close()\ntR.".encode()
    path = tmp_path / ARCHIVE
    path.write_bytes(tar_gz(WORLD.files | {"data_batch_1": evil}))
    with pytest.raises(SourceFailure, match="data_batch_1"):
        read_cifar_archive(path, WORLD.layout)
    assert not trap.exists()
    assert hashlib.md5(evil).hexdigest() != WORLD.layout.train[0][1]
    pickle.loads(evil)
    assert trap.exists()  # the trap works: it was the hash that kept it shut


def test_links_in_an_archive_are_not_followed(tmp_path: Path) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name in WORLD.files:
            link = tarfile.TarInfo(f"{FOLDER}/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
            archive.addfile(link)
    path = tmp_path / ARCHIVE
    path.write_bytes(out.getvalue())
    with pytest.raises(SourceFailure):
        read_cifar_archive(path, WORLD.layout)
