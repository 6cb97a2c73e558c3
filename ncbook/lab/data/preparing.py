"""Making a data set once: from a folder of the user's, or from the first source that serves."""

import logging
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from ncbook.errors import NcbookError
from ncbook.lab.data import folder, network, store
from ncbook.lab.data.catalogue import Source, Spec
from ncbook.lab.data.dataset import Arrays, Dataset
from ncbook.lab.data.download import Mirror
from ncbook.lab.data.failures import SourceFailure
from ncbook.lab.data.hashing import arrays_digests, dataset_digest
from ncbook.lab.paths import data_dir, writing

log = logging.getLogger("ncbook.data")

Failures = list[tuple[Source, SourceFailure]]


class NothingReached(NcbookError):
    """No source of a data set could be reached at all: there is no network."""


def prepare(spec: Spec, directory: str | Path | None) -> Dataset:
    """The data set from the cache, else from ``directory`` if given, else from its sources.

    A directory must hold the data set even if the cache has it already: a wrong path is never
    ignored.

    Raises:
        NcbookError: if the directory holds no such data, or a damaged one (exit code 2); if no
            source gives the data, or the cache can't be written (1).
    """
    given = _given(spec, Path(directory).expanduser()) if directory else None
    found = intact(spec) or _make_once(spec, given)
    return Dataset(
        **found.arrays.named(),
        name=spec.name,
        source=found.source,
        fallback=False,
        class_names=spec.class_names,
        digest=dataset_digest(found.digests),
    )


def intact(spec: Spec) -> store.Stored | None:
    """The data set as the cache has it; None if it isn't there or the quick check finds damage."""
    try:
        return store.read(place(spec))
    except store.Damaged:
        return None


def place(spec: Spec) -> Path:
    """The folder of the decoded data set, there or not."""
    return data_dir() / spec.name


@contextmanager
def alone(spec: Spec) -> Iterator[None]:
    """One process at a time makes or mends a data set; a second one says that it waits."""
    with writing(data_dir()):
        lock = FileLock(data_dir() / f"{spec.name}.lock")
        try:
            lock.acquire(timeout=1)
        except Timeout:
            log.warning("Another process is preparing %s; waiting for it", spec.name)
            lock.acquire()
        try:
            yield
        finally:
            lock.release()


def _given(spec: Spec, directory: Path) -> Path:
    path = folder.find(directory, spec.layout)
    if path is None:
        raise NcbookError(
            f"The data directory {directory} holds no {spec.name}",
            f"Give the folder that holds {spec.layout.folder} (torchvision's layout), or none",
            exit_code=2,
        )
    return path


def _make_once(spec: Spec, given: Path | None) -> store.Stored:
    with alone(spec):
        return intact(spec) or _make(spec, given)  # another process may have made it meanwhile


def _make(spec: Spec, given: Path | None) -> store.Stored:
    _set_damage_aside(spec)
    sound = _read_given(spec, given) if given else _first_that_serves(spec)
    stored = store.write(place(spec), sound)
    shutil.rmtree(_downloads(spec), ignore_errors=True)
    return stored


def _set_damage_aside(spec: Spec) -> None:
    try:
        store.read(place(spec))
    except store.Damaged as damage:
        aside = store.set_aside(damage).name
        log.warning("%s is damaged: %s; set aside as %s", damage.path, damage.reason, aside)


def _read_given(spec: Spec, path: Path) -> store.Stored:
    try:
        return _checked(spec, folder.read(path, spec.layout), f"directory {path}")
    except SourceFailure as failure:
        raise NcbookError(
            f"{path} does not hold a sound {spec.name}: {failure.reason}",
            "Replace the file named, or leave the directory out to download the data",
            exit_code=2,
        ) from failure


def _first_that_serves(spec: Spec) -> store.Stored:
    tried: Failures = []
    for source, patient in _attempts(spec, tried):
        try:
            return _checked(spec, _fetch(spec, source, patient), source.label)
        except SourceFailure as failure:
            tried.append((source, failure))
            level = logging.WARNING if failure.reached else logging.INFO
            log.log(level, "%s: %s failed: %s", spec.name, source.label, failure.reason)
    raise _exhausted(spec, tried)


def _attempts(spec: Spec, tried: Failures) -> Iterator[tuple[Source, bool]]:
    """Sources in order, then the slow ones again; the unreachable ones go to ``tried`` at once."""
    mirrors = [source.base for source in spec.sources if isinstance(source, Mirror)]
    silent = network.unreachable(mirrors)
    for source in spec.sources:
        if isinstance(source, Mirror) and source.base in silent:
            tried.append((source, SourceFailure(silent[source.base], reached=False)))
        else:
            yield source, False
    yield from [(source, True) for source, failure in tried if failure.slow]


def _fetch(spec: Spec, source: Source, patient: bool) -> Arrays:
    downloads = _downloads(spec)
    downloads.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=downloads, ignore_cleanup_errors=True) as scratch:
        # What a mirror sends stays until the data set is made, so that a download is resumed.
        return source.fetch(downloads if isinstance(source, Mirror) else Path(scratch), patient)


def _checked(spec: Spec, arrays: Arrays, source: str) -> store.Stored:
    """Ready to be stored, if it is the data set that it should be."""
    shapes = (arrays.train_images.shape, arrays.test_images.shape)
    if shapes != tuple((size, *spec.shape) for size in spec.sizes):
        raise SourceFailure(f"the images decoded are {shapes[0]} and {shapes[1]}: not {spec.name}")
    digests = arrays_digests(arrays)
    wrong = next((name for name, known in spec.digests.items() if digests[name] != known), None)
    if wrong is not None:
        raise SourceFailure(f"{wrong} as decoded are not {spec.name}'s (SHA-256 {digests[wrong]})")
    return store.Stored(arrays, source, digests)


def _exhausted(spec: Spec, tried: Failures) -> NcbookError:
    reasons = "; ".join(f"{source.label}: {failure.reason}" for source, failure in tried)
    kind = NcbookError if any(failure.reached for _, failure in tried) else NothingReached
    return kind(
        f"No source gave {spec.name} ({reasons})",
        "Check the network, or set NCBOOK_DATA to a folder that holds it",
    )


def _downloads(spec: Spec) -> Path:
    return data_dir() / "downloads" / spec.name
