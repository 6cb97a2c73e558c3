"""Training a configuration once: from the store, from a checkpoint, or from the start."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path

import torch
from tqdm import tqdm

from ncbook import journal
from ncbook.errors import NcbookError
from ncbook.lab import checkpoint, shared, store
from ncbook.lab.config import RunConfig
from ncbook.lab.data import Dataset, load_dataset
from ncbook.lab.device import describe, prepare
from ncbook.lab.listing import FAILED, UNFINISHED
from ncbook.lab.memory import holding
from ncbook.lab.paths import runs_dir
from ncbook.lab.ranks.group import Ranks
from ncbook.lab.ranks.joining import joined
from ncbook.lab.ranks.lock import held
from ncbook.lab.runs import Run, load_run
from ncbook.lab.session import Report, Session


def train(
    config: RunConfig,
    device: str = "auto",
    data_dir: str | Path | None = None,
    report: Report | None = None,
) -> Run:
    """Train a network, or load the run if the store has it, or go on where it was interrupted.

    An interrupted run goes on from its last checkpoint and ends with the same bits as an
    uninterrupted one on the same machine. A second process that asks for the same run waits.
    Started by ``torchrun`` on several ranks, all train the one run together, and rank 0 writes.

    Args:
        config: what to train.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``; not part of the run's identity.
        data_dir: a folder that holds the data set; None looks in the cache, then at the sources.
        report: told of every epoch, on rank 0; None shows a progress bar on stderr.

    Raises:
        NcbookError: if the data can't be had, the device is missing, the disk is full, or training
            diverges; on several ranks also if one of them ends.
    """
    run, trained = obtain(config, device, data_dir, report)
    note(run, trained)
    return run


def obtain(
    config: RunConfig, device: str, data_dir: str | Path | None, report: Report | None = None
) -> tuple[Run, bool]:
    """As `train`, but unrecorded in the journal; says too whether the run was trained just now."""
    with joined(device) as ranks:
        dataset = load_dataset(config.dataset, data_dir)
        run_id = _agreed(config.run_id(dataset.digest), ranks)
        run = ranks.in_turn(lambda: _stored(run_id))
        if run:
            return run, False
        with held(runs_dir() / f"{run_id}.lock", ranks):
            # Whoever held the lock may have finished this very run.
            run = ranks.in_turn(lambda: _stored(run_id) or _fetched(run_id))
            return run or _finish(config, run_id, dataset, device, ranks, report), run is None


def _stored(run_id: str) -> Run | None:
    """The run, if it's finished; the shared store, if there is one, has it too afterwards."""
    run = load_run(run_id)
    if run:
        shared.keep_run(run.folder)
    return run


def _fetched(run_id: str) -> Run | None:
    return load_run(run_id) if shared.fetch_run(runs_dir() / run_id) else None


def note(run: Run, trained: bool) -> None:
    """Tell the journal that this process used a run, and its data."""
    facts = run.provenance
    origin = {"name": facts["data"], "source": facts["data_source"]}
    journal.note("data", **origin, fallback=facts["fallback"])
    journal.note("run", id=run.id, trained=trained, device=facts["device"])


def _agreed(run_id: str, ranks: Ranks) -> str:
    if len(set(ranks.all(run_id))) > 1:
        raise NcbookError(
            "The ranks were given different runs, or different data",
            "Start all with the same command, and the same data on each machine",
        )
    return run_id


def _finish(
    config: RunConfig,
    run_id: str,
    dataset: Dataset,
    device: str,
    ranks: Ranks,
    report: Report | None,
) -> Run:
    folder, place = runs_dir() / f"{run_id}{UNFINISHED}", ranks.place(device)
    prepare(place)
    failed = runs_dir() / f"{run_id}{FAILED}"
    noting = checkpoint.noting_failure(failed) if ranks.first else nullcontext()
    with _one_thread(place), noting, holding(describe(place), ranks.size == 1):
        session = Session(config, dataset, place, ranks)
        if ranks.first:
            shared.fetch_checkpoint(folder / checkpoint.NAME)
        session.resume(folder)
        with _teller(config, session.epoch, ranks, report) as tell:
            session.run_to_the_end(folder, tell)
        features = session.final_features()
        if ranks.first:
            store.publish(runs_dir() / run_id, partial(session.write, features))
            shutil.rmtree(folder, ignore_errors=True)
    run = ranks.in_turn(lambda: _stored(run_id))
    assert run, "a run that was just published is in the store"
    return run


@contextmanager
def _one_thread(device: torch.device) -> Iterator[None]:
    """On a CPU, train on one thread.

    Small networks gain little from a second one, and sums are then formed in the same order however
    many cores there are, so a run can be repeated bit for bit. Runs go side by side instead.
    """
    before = torch.get_num_threads()
    if device.type == "cpu":
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _teller(
    config: RunConfig, done: int, ranks: Ranks, report: Report | None
) -> AbstractContextManager[Report]:
    """Whom to tell of every epoch: ``report``, else a bar; nobody but on rank 0."""
    if not ranks.first:
        return nullcontext(lambda epoch, loss, nc1: None)
    return nullcontext(report) if report else _bar(config, done)


@contextmanager
def _bar(config: RunConfig, done: int) -> Iterator[Report]:
    # Plain text on stderr: a widget bar would be stored in the book's pages as a dead one.
    with tqdm(
        total=config.epochs,
        initial=done,
        desc=config.label,
        unit="epoch",
        file=sys.stderr,
        leave=False,
    ) as bar:

        def tell(epoch: int, loss: float, nc1: float) -> None:
            bar.set_postfix(loss=f"{loss:.3f}", nc1=f"{nc1:.2g}", refresh=False)
            bar.update(epoch - bar.n)

        yield tell
