"""Training rows of the matrix one after the other in this process, or on all its ranks."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from ncbook.errors import NcbookError
from ncbook.lab.data import get
from ncbook.lab.outcome import Outcome
from ncbook.lab.reproduce.matrix import Row
from ncbook.lab.training import train


def train_rows(
    rows: Iterable[Row], device: str = "auto", data_dir: str | Path | None = None
) -> Iterator[Outcome]:
    """Train each row, or go on with it, or find it in the store; a row that fails stops no other.

    Args:
        rows: of the matrix.
        device, data_dir: as in `ncbook.lab.train`. Digits never stand in for missing data here.

    Raises:
        NcbookError: if the store can't be written to: that would stop every row.
    """
    missing: dict[str, NcbookError] = {}
    for row in rows:
        try:
            _require_data(row.config.dataset, data_dir, missing)
            run = train(row.config, device, data_dir)
        except NcbookError as error:
            if isinstance(error.__cause__, OSError) and error not in missing.values():
                raise
            yield Outcome(row.name, False, cause=error.cause, cure=error.cure)
        else:
            yield Outcome(row.name, True, run.id, float(run.provenance["seconds"]))


def _require_data(name: str, data_dir: str | Path | None, missing: dict[str, NcbookError]) -> None:
    """Get a data set; what couldn't be had once isn't asked for again, which takes a while."""
    if name not in missing:
        try:
            get(name, data_dir)
        except NcbookError as error:
            missing[name] = error
    if name in missing:
        raise missing[name]
