"""Training a configuration once: from the store, from a checkpoint, or from the start."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import torch
from filelock import FileLock
from tqdm import tqdm

from ncbook import journal
from ncbook.lab import store
from ncbook.lab.config import RunConfig
from ncbook.lab.data import Dataset, load_dataset
from ncbook.lab.device import pick_device, prepare
from ncbook.lab.paths import runs_dir
from ncbook.lab.runs import UNFINISHED, Run, load_run
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

    Args:
        config: what to train.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``; not part of the run's identity.
        data_dir: a folder that holds the data set; None looks in the cache, then at the sources.
        report: told of every epoch; None shows a progress bar on stderr.

    Raises:
        NcbookError: if the data can't be had, the device is missing, the disk is full, or training
            diverges.
    """
    run, trained = obtain(config, device, data_dir, report)
    note(run, trained)
    return run


def obtain(
    config: RunConfig, device: str, data_dir: str | Path | None, report: Report | None = None
) -> tuple[Run, bool]:
    """As `train`, but unrecorded in the journal; says too whether the run was trained just now."""
    dataset = load_dataset(config.dataset, data_dir)
    run_id = config.run_id(dataset.digest)
    run = load_run(run_id)
    if run:
        return run, False
    with FileLock(runs_dir() / f"{run_id}.lock"):
        run = load_run(run_id)  # whoever held the lock may have finished this very run
        return run or _finish(config, run_id, dataset, device, report), run is None


def note(run: Run, trained: bool) -> None:
    """Tell the journal that this process used a run, and its data."""
    facts = run.provenance
    origin = {"name": facts["data"], "source": facts["data_source"]}
    journal.note("data", **origin, fallback=facts["fallback"])
    journal.note("run", id=run.id, trained=trained, device=facts["device"])


def _finish(
    config: RunConfig, run_id: str, dataset: Dataset, device: str, report: Report | None
) -> Run:
    folder, place = runs_dir() / f"{run_id}{UNFINISHED}", pick_device(device)
    prepare(place)
    with _one_thread(place):
        session = Session(config, dataset, place)
        session.resume(folder)
        with nullcontext(report) if report else _bar(config, session.epoch) as tell:
            session.run_to_the_end(folder, tell)
        store.publish(runs_dir() / run_id, session.write)
    shutil.rmtree(folder, ignore_errors=True)
    run = load_run(run_id)
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
