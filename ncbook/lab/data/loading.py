"""What the book and the command line ask of the data: load, get, list, verify."""

import logging
import os
from dataclasses import dataclass
from pathlib import Path

from ncbook.errors import NcbookError
from ncbook.lab.data import digits, store
from ncbook.lab.data.catalogue import CATALOGUE, lookup
from ncbook.lab.data.dataset import Dataset
from ncbook.lab.data.preparing import NothingReached, alone, intact, place, prepare

log = logging.getLogger("ncbook.data")

# A process that has begun with a stand-in keeps it, so that all its runs are on the same data.
_stand_ins: dict[str, Dataset] = {}


@dataclass(frozen=True)
class DatasetRecord:
    """What is known of a data set without loading it.

    Attributes:
        name: what it is asked for by.
        shape: (H, W, C) of an image.
        classes: k.
        cached: whether it is in the cache.
        source: where it came from; ``damaged`` if the quick check says so; empty if not cached.
        bytes_on_disk: what it takes in the cache.
    """

    name: str
    shape: tuple[int, int, int]
    classes: int
    cached: bool
    source: str
    bytes_on_disk: int


def load_dataset(name: str = "cifar10", directory: str | Path | None = None) -> Dataset:
    """A data set, prepared on first use; digits stand in for it if no source can be reached.

    Args:
        name: ``cifar10``, ``cifar100``, ``mnist``, ``fashionmnist`` or ``digits``.
        directory: a folder with the data in torchvision's layout; if not given, ``NCBOOK_DATA``;
            if that is not set either, the network. The digits come with scikit-learn and need none.

    Raises:
        NcbookError: for an unknown name or a directory without the data (exit code 2); if what the
            sources sent was wrong, or the cache can't be written (1).
    """
    directory = directory or os.environ.get("NCBOOK_DATA") or None
    if directory is None and name in _stand_ins:
        return _stand_ins[name]
    try:
        return get(name, directory)
    except NothingReached as error:
        log.warning("%s Scikit-learn's digits stand in for it.", error)
        _stand_ins[name] = digits.stand_in(lookup(name))
        return _stand_ins[name]


def get(name: str, directory: str | Path | None = None) -> Dataset:
    """As `load_dataset`, but never a stand-in.

    Raises:
        NcbookError: also if no source can be reached, listing what was tried.
    """
    if name == digits.NAME:
        return digits.load()
    return prepare(lookup(name), directory or os.environ.get("NCBOOK_DATA") or None)


def list_datasets() -> list[DatasetRecord]:
    """Every data set there is, cached or not."""
    return [_record(name) for name in (*CATALOGUE, digits.NAME)]


def verify(name: str) -> DatasetRecord:
    """Hash every value of a cached data set.

    Raises:
        NcbookError: if it isn't cached, or a file is damaged: that one is set aside, and the next
            load makes it again.
    """
    if name != digits.NAME:
        with alone(lookup(name)):
            _check_stored(name)
    return _record(name)


def _check_stored(name: str) -> None:
    try:
        stored = store.check(place(lookup(name)))
    except store.Damaged as damage:
        aside = store.set_aside(damage).name
        raise NcbookError(
            f"{damage.path} is damaged: {damage.reason}; it was set aside as {aside}",
            f"Run `ncbook data get {name}` to make it again",
        ) from damage
    if stored is None:
        raise NcbookError(f"{name} is not in the cache", f"Run `ncbook data get {name}`")


def _record(name: str) -> DatasetRecord:
    if name == digits.NAME:
        return DatasetRecord(name, digits.SHAPE, len(digits.CLASS_NAMES), True, digits.SOURCE, 0)
    spec = lookup(name)
    folder, stored = place(spec), intact(spec)
    cached = folder.is_dir()
    source = stored.source if stored else "damaged" if cached else ""
    size = store.size_on_disk(folder)
    return DatasetRecord(name, spec.shape, len(spec.class_names), cached, source, size)
