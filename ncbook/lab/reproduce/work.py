"""Training rows of the matrix one after the other in this process, or on all its ranks."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from ncbook.errors import NcbookError
from ncbook.lab import shared
from ncbook.lab.data import get
from ncbook.lab.outcome import Outcome
from ncbook.lab.paths import runs_dir
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
        NcbookError: if the store can't be written to, or another rank has ended: that would stop
            every row.
    """
    runs_dir(), shared.open_store()  # each says what is wrong with it once, not for every row
    missing: dict[str, NcbookError] = {}
    for row in rows:
        try:
            _require_data(row.config.dataset, data_dir, missing)
            run = train(row.config, device, data_dir)
        except NcbookError as error:
            if error not in missing.values() and not _of_the_row(error):
                raise
            yield Outcome(row.name, False, cause=error.cause, cure=error.cure)
        else:
            yield Outcome(row.name, True, run.id, float(run.provenance["seconds"]))


def _of_the_row(error: NcbookError) -> bool:
    """Whether a failure is the row's own, not that of a disk, or of a rank among several.

    For a rank that went on to its next row alone, the others would wait. Behind a row's own failure
    there are wrong numbers or nothing; behind theirs is the error of the system or of torch.
    """
    return isinstance(error.__cause__, ValueError | None)


def _require_data(name: str, data_dir: str | Path | None, missing: dict[str, NcbookError]) -> None:
    """Get a data set; what couldn't be had once isn't asked for again, which takes a while."""
    if name not in missing:
        try:
            get(name, data_dir)
        except NcbookError as error:
            missing[name] = error
    if name in missing:
        raise missing[name]
