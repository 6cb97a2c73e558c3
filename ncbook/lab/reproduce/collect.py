"""Reference results from the run store: new ones are written, others left alone."""

import json
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

import ncbook
from ncbook.errors import NcbookError
from ncbook.lab import shared, store
from ncbook.lab.data import get, list_datasets
from ncbook.lab.device import describe
from ncbook.lab.listing import DAMAGED, UNFINISHED
from ncbook.lab.paths import runs_dir
from ncbook.lab.reproduce import pairs
from ncbook.lab.reproduce.decisions import belongs, load_decisions, mixed_versions
from ncbook.lab.reproduce.matrix import Matrix, Pair, Row
from ncbook.lab.reproduce.reference import COMPARISON, Reference, check, of_run, read, write
from ncbook.lab.runs import Run, load_run


@dataclass(frozen=True)
class Collected:
    """What became of each row and comparison of the matrix, by name.

    Attributes:
        written: whose reference result is new, or new again.
        unchanged: whose result was there already.
        waiting: whose run isn't finished in the store, and without a result.
        refused: why a finished run got no result: it was trained on a stand-in for the data, or
            its numbers don't follow from its features.
        notes: what else to know, a line each.
    """

    written: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def collect(
    matrix: Matrix, folder: Path, report: Callable[[str], None] = lambda name: None
) -> Collected:
    """Write the reference result of every finished run and comparison that has none yet.

    Runs are those of the cache, and of the shared store if there is one; nothing is trained. A
    result whose files are damaged, or whose run was trained anew, is written again.

    Args:
        matrix: whose rows.
        folder: of reference results, made if need be.
        report: told each name as its turn comes.

    Raises:
        NcbookError: if the folder can't be written to, or a file would be too large.
    """
    found, finished, known = Collected(), {}, _Runs.there()
    for row in matrix.rows:
        report(row.name)
        run_id = known.of(row)
        if run_id:
            finished[row.name] = run_id
        _collect_row(row, run_id, folder, found)
    for pair in matrix.pairs:
        report(pair.name)
        _collect_pair(pair, finished, folder, found)
    found.notes.extend(_mixed(matrix, folder, {*found.written, *found.unchanged}))
    return found


@dataclass(frozen=True)
class _Runs:
    """The finished runs of the cache and of the shared store, and what they may be trained on.

    Attributes:
        ids: of the runs.
        digests: of the data at hand or behind runs in the cache, stand-ins last.
    """

    ids: frozenset[str]
    digests: tuple[str, ...]

    @classmethod
    def there(cls) -> "_Runs":
        here = {entry.name for entry in runs_dir().iterdir() if _finished(entry.name)}
        store_of_many = shared.open_store()
        elsewhere = shared.finished(store_of_many) if store_of_many else set()
        facts = [_provenance(run_id) for run_id in sorted(here)]
        at_hand = [r.name for r in list_datasets() if r.cached and r.source != "damaged"]
        stand_ins = {get(name).digest: False for name in at_hand}
        stand_ins |= {fact["data_digest"]: bool(fact["fallback"]) for fact in facts}
        return cls(frozenset(here | elsewhere), tuple(sorted(stand_ins, key=stand_ins.__getitem__)))

    def of(self, row: Row) -> str | None:
        """The finished run of a row, whatever data it was trained on."""
        return next((i for i in map(row.config.run_id, self.digests) if i in self.ids), None)


def _finished(name: str) -> bool:
    marked = UNFINISHED in name or DAMAGED in name
    return not marked and (runs_dir() / name / store.MANIFEST).is_file()


def _provenance(run_id: str) -> dict[str, Any]:
    text = (runs_dir() / run_id / "provenance.json").read_text(encoding="utf-8")
    facts: dict[str, Any] = json.loads(text)
    return facts


def _obtain(run_id: str) -> Run | None:
    """A finished run from the cache, where the shared store may have to put it first."""
    run = load_run(run_id)
    if run is None and shared.fetch_run(runs_dir() / run_id):
        run = load_run(run_id)
    return run


def _collect_row(row: Row, run_id: str | None, folder: Path, found: Collected) -> None:
    kept = _kept(row.name, folder)
    if kept and belongs(kept, row) and _same_run(kept, run_id):
        found.unchanged.append(row.name)
        return
    if run_id is None:
        found.waiting.append(row.name)
        return
    run = _obtain(run_id)
    if run is None:
        found.refused[row.name] = f"run {run_id} is damaged and was set aside"
    elif run.provenance["fallback"]:
        data = run.provenance["data"]
        found.refused[row.name] = f"run {run_id} was trained on {data}, a stand-in for the data"
    else:
        _put(of_run(row.name, run), folder, found)


def _same_run(kept: Reference, run_id: str | None) -> bool:
    """Whether a result is the cache's; one from another machine stands where the cache has none."""
    if run_id is None or not _finished(run_id):
        return True
    same = kept.facts["run"] == run_id
    return same and bool(kept.facts["created"] == _provenance(run_id)["created"])


def _collect_pair(pair: Pair, finished: dict[str, str], folder: Path, found: Collected) -> None:
    kept, ids = _kept(pair.name, folder), {row.name: finished.get(row.name) for row in pair.rows}
    whole = all(ids.values())
    if kept and (kept.facts["runs"] == ids or not whole):
        found.unchanged.append(pair.name)
    elif not whole or set(ids) & set(found.refused):
        found.waiting.append(pair.name)
    else:
        runs = [run for run in map(_obtain, filter(None, ids.values())) if run]
        if len(runs) < len(ids):
            found.refused[pair.name] = "one of its runs is damaged and was set aside"
        else:
            _put(of_pair(pair.name, list(ids), runs), folder, found)


def of_pair(name: str, rows: list[str], runs: list[Run]) -> Reference:
    """The reference result of comparing two finished runs.

    Args:
        name: of the comparison.
        rows: the names of the two.
        runs: their runs.
    """
    begun = time.monotonic()
    arrays = pairs.analyse(*runs)
    facts = {
        "kind": COMPARISON,
        "name": name,
        "runs": {row: run.id for row, run in zip(rows, runs, strict=True)},
        "device": describe(torch.device("cpu")),
        "versions": {
            "ncbook": ncbook.__version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
        "seconds": round(time.monotonic() - begun, 2),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "metrics": pairs.derive(arrays),
    }
    return Reference(name, facts, arrays)


def _kept(name: str, folder: Path) -> Reference | None:
    """The sound result that the folder has, or None."""
    if not (folder / f"{name}.json").is_file():
        return None
    try:
        reference = read(name, folder)
        check(reference)
    except NcbookError:  # what can't be trusted is made anew
        return None
    return reference


def _put(reference: Reference, folder: Path, found: Collected) -> None:
    try:
        check(reference)
    except NcbookError as error:
        found.refused[reference.name] = error.cause
        return
    write(reference, folder)
    found.written.append(reference.name)


def _mixed(matrix: Matrix, folder: Path, names: set[str]) -> Iterator[str]:
    """A line for each condition or claim whose results different versions made."""
    for decision in load_decisions().values():
        used = [name for name in decision.names(matrix) if name in names]
        line = mixed_versions(read(name, folder) for name in used)
        if line:
            yield f"{decision.claim}: {line}"
