"""What became of each row of the matrix, read from the run store alone."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout

from ncbook.lab import checkpoint, store
from ncbook.lab.config import RunConfig
from ncbook.lab.data import class_counts, get, list_datasets
from ncbook.lab.listing import FAILED, UNFINISHED
from ncbook.lab.paths import runs_dir
from ncbook.lab.reproduce.elsewhere import Elsewhere, elsewhere
from ncbook.lab.reproduce.matrix import Row

State = Literal["done", "running", "waiting", "failed"]
STATES: tuple[State, ...] = ("done", "running", "waiting", "failed")


@dataclass(frozen=True)
class RowStatus:
    """One row, and how far it is.

    Attributes:
        row: which.
        state: ``done``: finished, here or in the shared store; ``running``: a process of this
            machine trains it now, or a cluster is at work on the shared store and has begun it;
            ``failed``: it ended with an error of its own; ``waiting``: none of these, begun or not.
        run_id: in the store; empty while its data set isn't there, which is part of the id.
        epochs: trained so far.
        seconds: spent in training so far.
        left: seconds still to come, from this row's own epochs or from those of other rows with the
            same network; None while none of them has been timed.
        note: why it failed, or what it waits for.
    """

    row: Row
    state: State
    run_id: str
    epochs: int
    seconds: float
    left: float | None
    note: str


def survey(rows: Iterable[Row], data_dir: str | Path | None = None) -> list[RowStatus]:
    """The status of each row, in the order given; nothing is fetched or trained.

    Args:
        rows: of the matrix.
        data_dir: a folder that holds the data sets; None looks in the cache.
    """
    rows = list(rows)
    digests = _digests({row.config.dataset for row in rows}, data_dir)
    others = elsewhere()
    facts = [_Facts.of(row, digests.get(row.config.dataset), others) for row in rows]
    pace = _pace(facts)
    return [fact.status(pace) for fact in facts]


@dataclass(frozen=True)
class _Facts:
    """What the store says of a row."""

    row: Row
    others: Elsewhere
    run_id: str = ""
    folder: Path | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)
    here: bool = False

    @classmethod
    def of(cls, row: Row, digest: str | None, others: Elsewhere) -> "_Facts":
        if digest is None:
            return cls(row, others)
        run_id = row.config.run_id(digest)
        whole, partial = runs_dir() / run_id, runs_dir() / f"{run_id}{UNFINISHED}"
        here = (whole / store.MANIFEST).is_file()
        folder = whole if here else partial
        return cls(row, others, run_id, folder, _json(folder / checkpoint.PROVENANCE), here)

    @property
    def done(self) -> bool:
        return self.here or self.run_id in self.others.finished

    @property
    def seconds(self) -> float:
        return float(self.provenance.get("seconds", 0.0))

    @property
    def timed_epochs(self) -> int:
        """Epochs that ``seconds`` is the time of."""
        return int(self.provenance.get("epochs", 0))

    @property
    def epochs(self) -> int:
        if self.done:
            return self.row.config.epochs
        return max(self.timed_epochs, self.others.reached.get(self.run_id, 0))

    def status(self, pace: Mapping[str, float]) -> RowStatus:
        state, note = self._state()
        left = 0.0 if self.done else self._left(pace)
        return RowStatus(self.row, state, self.run_id, self.epochs, self.seconds, left, note)

    def _state(self) -> tuple[State, str]:
        if self.folder is None:
            name = self.row.config.dataset
            return "waiting", f"{name} isn't in the cache: ncbook data get {name}"
        if self.done:
            return "done", ""
        begun_there = self.others.busy and self.run_id in self.others.reached
        if begun_there or _held(runs_dir() / f"{self.run_id}.lock"):
            return "running", ""
        failure = _json(runs_dir() / f"{self.run_id}{FAILED}")
        if failure:
            return "failed", failure["cause"]
        return "waiting", f"stopped in epoch {self.epochs + 1}" if self.provenance else ""

    def _left(self, pace: Mapping[str, float]) -> float | None:
        epochs = self.row.config.epochs - self.epochs
        if self.timed_epochs:
            return epochs * self.seconds / self.timed_epochs
        per_image = pace.get(self.row.config.model.arch)
        return per_image and epochs * images(self.row.config) * per_image


def images(config: RunConfig) -> int:
    """The number of training images of a run."""
    angles = config.subset.orientations
    return angles * sum(class_counts(config.subset, config.model.num_classes // angles))


def _pace(facts: Iterable[_Facts]) -> dict[str, float]:
    """Seconds per image and epoch of each network, from what has been trained of it so far."""
    spent: dict[str, float] = defaultdict(float)
    seen: dict[str, int] = defaultdict(int)
    for fact in facts:
        if fact.timed_epochs:
            arch = fact.row.config.model.arch
            spent[arch] += fact.seconds
            seen[arch] += fact.timed_epochs * images(fact.row.config)
    return {arch: spent[arch] / seen[arch] for arch in spent}


def _digests(names: Iterable[str], data_dir: str | Path | None) -> dict[str, str]:
    """The digest of each data set that is at hand, without asking any network for the others."""
    cached = {record.name for record in list_datasets() if record.cached}
    there = names if data_dir else set(names) & cached
    return {name: get(name, data_dir).digest for name in there}


def _held(lock: Path) -> bool:
    """Whether a process of this machine holds the lock: the system frees it when that one ends."""
    if not lock.exists():
        return False
    try:
        with FileLock(lock, timeout=0):
            return False
    except Timeout:
        return True


def _json(file: Path) -> dict[str, Any]:
    try:
        values: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:  # or just removed, by the run that has finished meanwhile
        return {}
    return values
