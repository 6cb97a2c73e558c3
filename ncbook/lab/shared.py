"""One run store for many machines, on any path that fsspec reaches: a shared disk, S3, SFTP.

``NCBOOK_STORE`` names it. Work is done in the cache as ever; runs and checkpoints are copied to the
shared store and from it. What a killed machine left half-uploaded is never trusted:

- ``runs/ID/DIGEST/…``: a run's files. DIGEST is their manifest's, so that two machines that trained
  the same run never mix their files.
- ``manifests/ID.json``: their checksums, uploaded last. Only then does the run count as there.
- ``checkpoints/ID/EPOCH-BATCH-SHA256.pt``: the name tells how far it got and what it must hold.
"""

import errno
import hashlib
import json
import logging
import os
import pickle
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ncbook.errors import NcbookError
from ncbook.lab import store

VARIABLE = "NCBOOK_STORE"
CHUNK = 2**22  # bytes read at once
PAUSES = 30  # after an upload, this many times as long without one: a loss of three per cent
_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}  # Windows knows no quotas
log = logging.getLogger(__name__)


class Damaged(Exception):
    """A file of the shared store that is missing or isn't what its checksum says."""


@dataclass(frozen=True)
class SharedStore:
    """A folder on some file system.

    Attributes:
        url: as it was named.
        fs: the fsspec file system.
        root: the folder's path there.
    """

    url: str
    fs: Any
    root: str

    def path(self, *parts: str) -> str:
        """Where something lies below the root."""
        return "/".join([self.root.rstrip("/"), *parts])

    def names(self, *parts: str) -> list[str]:
        """What a folder holds, by name; one request, nothing if there is no such folder."""
        with _reaching(self.url, "read"):
            self.fs.invalidate_cache()  # others write there too
            try:
                found = self.fs.ls(self.path(*parts), detail=False)
            except FileNotFoundError:
                return []
        return sorted(path.rstrip("/").rpartition("/")[2] for path in found)

    def read(self, *parts: str) -> bytes | None:
        """The content of a small file, or None if there is none."""
        with _reaching(self.url, "read"):
            try:
                content: bytes = self.fs.cat_file(self.path(*parts))
            except FileNotFoundError:
                return None
        return content

    def write(self, content: bytes, *parts: str) -> None:
        """Write a small file."""
        with self._place(*parts) as path:
            self.fs.pipe_file(path, content)

    def upload(self, file: Path, *parts: str) -> None:
        """Copy a file there."""
        with self._place(*parts) as path:
            self.fs.put_file(str(file), path)

    def download(self, file: Path, *parts: str) -> str:
        """Copy a file from there; returns the SHA-256 of what came."""
        digest = hashlib.sha256()
        with file.open("wb") as local:
            for chunk in self._chunks(*parts):
                digest.update(chunk)
                local.write(chunk)
        return digest.hexdigest()

    def remove(self, *parts: str) -> None:
        """Remove a file, or a folder with all that is in it, if it is there."""
        path = self.path(*parts)
        with _reaching(self.url, "written"):
            if self.fs.exists(path):
                self.fs.rm(path, recursive=True)

    def _chunks(self, *parts: str) -> Iterator[bytes]:
        # A generator, so that errors of the store are told from those of the disk written to.
        with _reaching(self.url, "read"):
            try:
                stream = self.fs.open(self.path(*parts), "rb")
            except FileNotFoundError as error:
                raise Damaged(f"{parts[-1]} is missing") from error
            with stream:
                while chunk := stream.read(CHUNK):
                    yield chunk

    @contextmanager
    def _place(self, *parts: str) -> Iterator[str]:
        with _reaching(self.url, "written"):
            self.fs.makedirs(self.path(*parts[:-1]), exist_ok=True)
            yield self.path(*parts)


def open_store(url: str | None = None) -> SharedStore | None:
    """The store at ``url``, else at ``NCBOOK_STORE``; None if neither is given.

    Raises:
        NcbookError: if no file system of that kind can be opened.
    """
    url = url or os.environ.get(VARIABLE)
    if not url:
        return None
    try:
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise NcbookError(
            f"{VARIABLE} is set, and fsspec isn't installed", 'pip install "ncbook[cluster]"', 2
        ) from error
    with _reaching(url, "opened"):
        fs, root = url_to_fs(url)
    return SharedStore(url, fs, root)


def finished(there: SharedStore) -> set[str]:
    """The ids of all finished runs in a store, by one listing of one folder."""
    return {name.removesuffix(".json") for name in there.names("manifests")}


def fetch_run(folder: Path) -> bool:
    """Copy a finished run to ``folder`` of the cache; False if the shared store lacks it."""
    there = open_store()
    manifest = there and _manifest(there, folder.name)
    if not there or not manifest:
        return False
    try:
        store.publish(folder, lambda part: _download(there, folder.name, manifest, part))
    except Damaged as damage:
        there.remove("manifests", f"{folder.name}.json")
        log.warning("Run %s in %s is damaged (%s): made anew", folder.name, there.url, damage)
        return False
    return True


def keep_run(folder: Path) -> None:
    """Copy a finished run from ``folder`` of the cache to the shared store, unless it has it.

    Raises:
        NcbookError: if the store can't be written to; the run in the cache stays as it is.
    """
    there = open_store()
    if there is None or _manifest(there, folder.name):
        return
    content = (folder / store.MANIFEST).read_bytes()
    for name in json.loads(content):
        there.upload(folder / name, "runs", folder.name, _digest(content), name)
    there.write(content, "manifests", f"{folder.name}.json")
    there.remove("checkpoints", folder.name)


def fetch_checkpoint(file: Path) -> None:
    """Copy a run's checkpoint into the cache, if the shared store has one that got further."""
    there = open_store()
    if there is None:
        return
    folder = _id(file)
    for name in reversed(there.names("checkpoints", folder)):
        if name.rpartition("-")[0] <= _reached(file):
            return
        file.parent.mkdir(exist_ok=True)
        try:
            store.write_whole(file, lambda part: _verified(there, folder, name, part))  # noqa: B023
        except Damaged as damage:
            log.warning("A checkpoint of %s in %s is damaged (%s)", folder, there.url, damage)
        else:
            return


def keep_checkpoint(file: Path) -> None:
    """Copy a run's checkpoint to the shared store, in place of those that got less far."""
    there = open_store()
    if there is None:
        return
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    name = f"{_reached(file)}-{digest}.pt"
    there.upload(file, "checkpoints", _id(file), name)
    for other in there.names("checkpoints", _id(file)):
        if other < name:
            there.remove("checkpoints", _id(file), other)


class Uploads:
    """Sends a run's checkpoints to the shared store, seldom enough to cost little."""

    def __init__(self) -> None:
        self.due = 0.0

    def send_if_due(self, file: Path) -> None:
        """Send the checkpoint, if there is a shared store and the last one is long enough ago."""
        begun = time.monotonic()
        if os.environ.get(VARIABLE) and begun >= self.due:
            keep_checkpoint(file)
            took = time.monotonic() - begun
            self.due = begun + (1 + PAUSES) * took


def _id(checkpoint: Path) -> str:
    return checkpoint.parent.stem  # the folder is called ID.partial


def _reached(checkpoint: Path) -> str:
    """How far a checkpoint got, epoch and batch, in digits that sort; empty if it can't be read."""
    if not checkpoint.is_file():
        return ""
    try:
        # Mapped, not read: of a large network only the few numbers asked for leave the disk.
        state = torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError):
        return ""  # training, which reads it next, sets it aside and says so
    return f"{state['progress']['epoch']:06d}-{state['progress']['batch']:06d}"


def _manifest(there: SharedStore, run_id: str) -> bytes | None:
    """A run's checksums, or None while it isn't there; half of a file counts as none."""
    content = there.read("manifests", f"{run_id}.json")
    try:
        whole = content is not None and isinstance(json.loads(content), dict)
    except ValueError:
        return None
    return content if whole else None


def _download(there: SharedStore, run_id: str, manifest: bytes, folder: Path) -> None:
    for name, digest in json.loads(manifest).items():
        if Path(name).name != name:
            raise Damaged(f"{name} is no file's name")
        if there.download(folder / name, "runs", run_id, _digest(manifest), name) != digest:
            raise Damaged(name)


def _verified(there: SharedStore, run_id: str, name: str, file: Path) -> None:
    if there.download(file, "checkpoints", run_id, name) != Path(name).stem.rpartition("-")[2]:
        raise Damaged(name)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


@contextmanager
def _reaching(url: str, done: str) -> Iterator[None]:
    """Turns whatever a store raises, each kind in its own way, into an error one can act upon."""
    try:
        yield
    except (NcbookError, Damaged):
        raise
    except Exception as error:
        reason = getattr(error, "strerror", None) or error
        what = f"can't be {done} ({reason})"
        if isinstance(error, OSError) and error.errno in _FULL:
            what = f"is full ({reason})"
        raise NcbookError(
            f"The run store {url} {what}",
            f"Mend that or set {VARIABLE} to another; what was trained stays in the cache,"
            " and the same command goes on from there",
        ) from error
