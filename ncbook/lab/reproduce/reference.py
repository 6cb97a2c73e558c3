"""Reference results: what a finished run or comparison says, in two small files that prove it.

``<name>.json`` holds configuration, provenance, curves and final numbers, ``<name>.npz`` the
statistics from which `check` computes those numbers again.
"""

import hashlib
import io
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from ncbook.errors import NcbookError
from ncbook.lab import store
from ncbook.lab.config import RunConfig
from ncbook.lab.paths import writing
from ncbook.lab.reproduce import pairs, statistics
from ncbook.lab.reproduce.statistics import Arrays
from ncbook.lab.runs import Run

LIMIT = 1_000_000  # bytes of a file
RUN, COMPARISON = "run", "comparison"
# A number and its derivation agree within this share: class means may be kept in float32, and
# another machine adds in another order.
RELATIVE = 1e-4
# Distances and angles are differences of numbers around 1. NC1 and CDNV are none, and go to zero.
ABSOLUTE = 2e-6
_PURELY_RELATIVE = ("nc1", "cdnv")
# Two images of 10,000: one that lies on a boundary falls to either side of it by rounding.
ABSOLUTE_OF_SHARES = 2e-4
_SHARES = ("accuracy", "disagreement")
_DERIVE = {RUN: statistics.derive, COMPARISON: pairs.derive}
_VERSIONS = ("ncbook", "torch", "python")


@dataclass(frozen=True, eq=False)
class Reference:
    """One result, as it lies in ``reference/``.

    Attributes:
        name: of the matrix's row or comparison.
        facts: all that the JSON file says.
        arrays: the statistics.
    """

    name: str
    facts: Mapping[str, Any]
    arrays: Arrays

    @property
    def metrics(self) -> Mapping[str, Any]:
        """The final numbers, by name."""
        metrics: Mapping[str, Any] = self.facts["metrics"]
        return metrics

    @property
    def curves(self) -> Mapping[str, list[Any]]:
        """The columns of the run's history; none of a comparison."""
        curves: Mapping[str, list[Any]] = self.facts.get("curves", {})
        return curves

    @cached_property
    def config(self) -> RunConfig:
        """What was trained; of a comparison, there is none."""
        return RunConfig.from_dict(self.facts["config"])


def facts_of(name: str, run: Run) -> dict[str, Any]:
    """What the JSON file says of a run; its numbers are those measured during training."""
    told, last = run.provenance, run.history[-1]
    return {
        "kind": RUN,
        "name": name,
        "run": run.id,
        "label": run.config.label,
        "seed": run.config.seed,
        "config": run.config.to_dict(),
        "data": {
            "name": told["data"],
            "source": _public(told["data_source"]),
            "digest": told["data_digest"],
        },
        "device": told["device"],
        "ranks": told.get("ranks", 1),
        "versions": {package: told[package] for package in _VERSIONS if package in told},
        "seconds": told["seconds"],
        "created": told["created"],
        "metrics": {n: last[n] for n in statistics.METRICS if last.get(n) is not None},
        "curves": {column: run.curve(column) for column in last},
    }


def of_run(name: str, run: Run) -> Reference:
    """The reference result of a finished run."""
    return Reference(name, facts_of(name, run), statistics.gather(run))


def _public(source: str) -> str:
    """A data source without the path of somebody's folder."""
    return "a folder of the user's" if source.startswith("directory ") else source


def check(reference: Reference) -> None:
    """Compute every final number from the statistics and compare.

    Raises:
        NcbookError: naming the first number that differs or is missing, the curve that ends
            elsewhere, or a label that isn't the configuration's.
    """
    if reference.facts["kind"] == RUN and reference.config.label != reference.facts["label"]:
        raise _wrong(reference, f"its configuration is that of '{reference.config.label}'")
    derived = _DERIVE[reference.facts["kind"]](reference.arrays)
    for name in sorted({*derived, *reference.metrics}):
        published, found = reference.metrics.get(name), derived.get(name)
        if published is None or found is None or not _agree(name, published, found):
            raise _wrong(reference, f"{name} is {published}, and its statistics give {found}")
    for name, values in reference.curves.items():
        if name in derived and values[-1] != reference.metrics[name]:
            raise _wrong(
                reference,
                f"{name} is {reference.metrics[name]}, and its curve ends at {values[-1]}",
            )


def _agree(name: str, published: Any, found: Any) -> bool:
    if not isinstance(published, float) or not isinstance(found, float):
        return bool(published == found)
    slack = 0.0 if name in _PURELY_RELATIVE else ABSOLUTE
    if name.endswith(_SHARES):
        slack = ABSOLUTE_OF_SHARES
    return math.isclose(published, found, rel_tol=RELATIVE, abs_tol=slack)


def _wrong(reference: Reference, what: str) -> NcbookError:
    return NcbookError(
        f"Reference {reference.name}: {what}",
        "Restore both of its files from the repository, or collect them anew",
    )


def write(reference: Reference, folder: Path) -> None:
    """Put both files of a result into ``folder``, replacing older ones.

    Raises:
        NcbookError: if a file would exceed `LIMIT`: then neither is written.
    """
    packed = io.BytesIO()
    np.savez_compressed(packed, **reference.arrays)  # type: ignore[arg-type]
    seal = hashlib.sha256(packed.getvalue()).hexdigest()
    text = json.dumps({**reference.facts, "statistics": seal}, indent=1, allow_nan=False) + "\n"
    contents = {".npz": packed.getvalue(), ".json": text.encode()}  # this order: see `read`
    for suffix, data in contents.items():
        if len(data) > LIMIT:
            raise NcbookError(
                f"{reference.name}{suffix} would take {len(data):,} bytes of {LIMIT:,}",
                "Keep fewer or shorter arrays in ncbook/lab/reproduce",
            )
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for suffix, data in contents.items():
        store.write_whole(folder / f"{reference.name}{suffix}", lambda f, d=data: f.write_bytes(d))  # type: ignore[misc]


def read(name: str, folder: Path) -> Reference:
    """The result called ``name``.

    Raises:
        NcbookError: if a file is missing or unreadable, or the two don't belong together, as after
            a write that was cut between them.
    """
    try:
        facts = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        packed = (folder / f"{name}.npz").read_bytes()
        with np.load(io.BytesIO(packed), allow_pickle=False) as opened:
            arrays = {key: opened[key] for key in opened.files}
        seal = facts.pop("statistics")
        if facts["kind"] not in _DERIVE:
            raise ValueError(f"there is no kind {facts['kind']!r}")
    except (OSError, ValueError, KeyError, TypeError, BadZipFile) as error:
        raise _unreadable(name, folder, str(error)) from error
    if seal != hashlib.sha256(packed).hexdigest():
        raise _unreadable(name, folder, "its two files are not of one writing")
    return Reference(name, facts, arrays)


def _unreadable(name: str, folder: Path, reason: str) -> NcbookError:
    return NcbookError(
        f"Reference {name} in {folder} can't be read ({reason})",
        "Restore both of its files from the repository, or collect them anew",
    )


def names_in(folder: Path) -> list[str]:
    """The results that a folder holds; its other JSON files, speed records, have no ``.npz``."""
    return sorted(file.stem for file in folder.glob("*.npz"))


def read_all(folder: Path) -> dict[str, Reference]:
    """Every result of a folder, by name; none if it isn't there. Errors as `read`."""
    return {name: read(name, folder) for name in names_in(folder)}
