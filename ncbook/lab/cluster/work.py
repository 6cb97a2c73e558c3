"""What a worker does: train one run, and tell the client how it goes."""

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dask.distributed import get_worker

from ncbook.errors import NcbookError
from ncbook.lab.cluster import lease
from ncbook.lab.cluster.survey import Versions, require_same
from ncbook.lab.config import RunConfig
from ncbook.lab.data import get
from ncbook.lab.outcome import Outcome
from ncbook.lab.shared import VARIABLE
from ncbook.lab.training import train

TELL_EVERY = 0.5  # seconds


@dataclass(frozen=True)
class Around:
    """What a task is told besides its work.

    Attributes:
        store: URL of the shared run store; None leaves results in the cache, which all share.
        topic: of the events by which it tells how it goes.
        versions: of the client.
    """

    store: str | None
    topic: str
    versions: Versions


def use_store(store: str | None) -> None:
    """Have this process, and those it starts, use the client's shared store."""
    if store is None:
        os.environ.pop(VARIABLE, None)
    else:
        os.environ[VARIABLE] = store


def sees(store: str | None, token: str) -> bool:
    """Whether the store that this worker would write to is the one under that lease."""
    use_store(store)
    found = lease.read(lease.store_in_use())
    return found is not None and found.token == token


def train_one(
    config: RunConfig, device: str, data_dir: str | Path | None, around: Around
) -> Outcome:
    """Train a run and keep it in the store. A failure that a reader can mend is an outcome too."""
    try:
        # A worker that joined late was asked for nothing yet.
        require_same(around.versions, "the client")
        use_store(around.store)
        get(config.dataset, data_dir)  # never a stand-in for what other machines have
        run = train(config, device, data_dir, Teller(around.topic))
    except NcbookError as error:
        return Outcome(config.label, False, cause=error.cause, cure=error.cure)
    return Outcome(config.label, True, run.id, float(run.provenance["seconds"]))


class Withdrawn(Exception):
    """The client, or its Ctrl-C, no longer wants the task that is running."""


class Teller:
    """Tells the client, twice a second at most, where this task is."""

    def __init__(self, topic: str) -> None:
        self.worker = get_worker()
        self.key = self.worker.get_current_task()
        self.topic = topic
        self.due = 0.0

    def __call__(self, epoch: int, loss: float, nc1: float) -> None:
        """An epoch of training has ended.

        Raises:
            Withdrawn: if nobody waits for the run any more: a thread can't be interrupted, so it
                has to ask.
        """
        if self.withdrawn():
            raise Withdrawn
        self.tell(epoch=epoch, loss=loss, nc1=nc1)

    def withdrawn(self) -> bool:
        """Whether the task was cancelled."""
        task = self.worker.state.tasks.get(self.key)
        return task is None or task.state == "cancelled"

    def tell(self, **facts: Any) -> None:
        """Send facts, unless the last ones went a moment ago."""
        if time.monotonic() >= self.due:
            self.worker.log_event(self.topic, {"key": self.key} | facts)
            self.due = time.monotonic() + TELL_EVERY
