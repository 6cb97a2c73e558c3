"""Runs shared out among the workers of a cluster, and what became of each."""

import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from dask.distributed import Client, Future, as_completed

from ncbook.errors import NcbookError
from ncbook.lab import shared
from ncbook.lab.cluster import lease
from ncbook.lab.cluster.board import Board
from ncbook.lab.cluster.connect import connected
from ncbook.lab.cluster.failure import describe
from ncbook.lab.cluster.needs import memory_of, needs
from ncbook.lab.cluster.survey import ask, survey, versions
from ncbook.lab.cluster.work import Around, sees, train_one
from ncbook.lab.config import RunConfig
from ncbook.lab.outcome import Outcome
from ncbook.lab.paths import runs_dir
from ncbook.lab.runs import load_run

RETRIES = 2  # of what nobody foresaw; a worker's death has Dask's own count, 3


def train_on_cluster(
    configs: Mapping[str, RunConfig],
    address: str,
    *,
    workers: int | None = None,
    device: str = "auto",
    data_dir: str | Path | None = None,
) -> Iterator[Outcome]:
    """Train runs on a cluster, or load those that the store has; yields each as it ends.

    Configurations that are equal are trained once. A run whose worker dies goes on elsewhere from
    its last checkpoint; one that fails stops no other. Results are in the cache at the end, whether
    or not there is a shared store between.

    Args:
        configs: what to train, by the name under which its outcome comes.
        address: of a Dask scheduler; ``local`` starts a cluster of processes on this machine.
        workers: how many to start for ``local``; None: one for each GPU, else for each core.
        device: as for `ncbook.lab.training.train`, on the workers.
        data_dir: a folder on the workers that holds the data sets.

    Raises:
        NcbookError: if the cluster can't be reached, mixes versions, doesn't see the store or lacks
            what a run needs (exit code 2), or another client is at work on the store (1).
        KeyboardInterrupt: at Ctrl-C, with all tasks withdrawn.
    """
    with connected(address, workers) as client:
        folder = None if data_dir is None else str(Path(data_dir).absolute())
        offers = [facts.resources for facts in survey(client).values()]
        resources = {c: needs(c.label, memory_of(c), device, offers) for c in configs.values()}
        with _leased(client):
            yield from _Dispatch(client, configs).run(resources, device, folder)


@contextmanager
def _leased(client: Client) -> Iterator[None]:
    """Keep other clients off the store, after a look whether all workers use the same."""
    there, url = lease.store_in_use(), os.environ.get(shared.VARIABLE)
    taken: list[str] = []

    def lose(what: str) -> None:
        taken.append(what)
        client.close()

    with lease.held(there, lose) as mine:
        for address, same in ask(client, sees, url, mine.token).items():
            if not same:
                raise NcbookError(
                    f"Worker {address} doesn't see the run store {there.url}",
                    f"Set {shared.VARIABLE} to a path or URL that all machines reach",
                    2,
                )
        try:
            yield
        except NcbookError as error:
            if not taken:
                raise
            raise NcbookError(taken[0], "Wait until that has ended and run this again") from error


class _Dispatch:
    """All runs on their way through a cluster."""

    def __init__(self, client: Client, configs: Mapping[str, RunConfig]) -> None:
        self.client = client
        self.topic = f"ncbook-{uuid.uuid4().hex}"
        self.names: dict[RunConfig, list[str]] = {}
        for name, config in configs.items():
            self.names.setdefault(config, []).append(name)
        self.tasks = {_key(config): config for config in self.names}

    def run(
        self,
        resources: Mapping[RunConfig, dict[str, float]],
        device: str,
        data_dir: str | None,
    ) -> Iterator[Outcome]:
        """Train all; yields an outcome for each name."""
        shown = {key: (self.names[c][0], c.epochs) for key, c in self.tasks.items()}
        around = Around(os.environ.get(shared.VARIABLE), self.topic, versions())
        with Board(shown) as board:
            self.client.subscribe_topic(self.topic, board.hear)
            futures = [
                self.client.submit(
                    train_one,
                    *(config, device, data_dir, around),
                    key=key,
                    resources=resources[config],
                    retries=RETRIES,
                )
                for key, config in self.tasks.items()
            ]
            try:
                for future in as_completed(futures):
                    outcome = self._outcome(future)
                    board.done(future.key)
                    for name in self.names[self.tasks[future.key]]:
                        with board.aside():
                            yield replace(outcome, name=name)
            finally:
                if self.client.status == "running":
                    self.client.cancel(futures)

    def _outcome(self, future: "Future[Outcome]") -> Outcome:
        if future.status == "finished":
            outcome = future.result()
            return _fetched(outcome) if outcome.finished else outcome
        if future.status != "error":
            raise NcbookError(
                "The cluster was lost in mid-work",
                "Start it again and run the same command: runs go on from their last checkpoints",
            )
        cause, cure = describe(future.exception())
        return Outcome("", False, cause=cause, cure=cure)


def _key(config: RunConfig) -> str:
    return f"train-{config.run_id('')}"


def _fetched(outcome: Outcome) -> Outcome:
    """The outcome, once the run is in this machine's cache too."""
    folder = runs_dir() / outcome.run_id
    try:
        if load_run(outcome.run_id) is None:
            shared.fetch_run(folder)
    except NcbookError as error:
        return replace(outcome, finished=False, cause=error.cause, cure=error.cure)
    return outcome
