"""What the workers of a cluster are, asked before any of them gets work."""

import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from dask.distributed import Client, Worker

import ncbook
from ncbook.errors import NcbookError
from ncbook.lab.config import TRAINING_VERSION

Versions = dict[str, str]


@dataclass(frozen=True)
class Facts:
    """Of one worker.

    Attributes:
        host: its machine's name.
        versions: of what a run's numbers depend on.
        threads: how many tasks it would run at once.
        resources: what it offers, by name.
    """

    host: str
    versions: Versions
    threads: int
    resources: dict[str, float]


def versions() -> Versions:
    """Of what a run's numbers depend on, in this process."""
    return {
        "ncbook": ncbook.__version__,
        "the training version": str(TRAINING_VERSION),
        "torch": ".".join(torch.__version__.split(".")[:2]),
        "Python": "{}.{}".format(*sys.version_info),
    }


def look(dask_worker: Worker) -> Facts:
    """What a worker is; runs there, and Dask hands it the worker."""
    state = dask_worker.state
    return Facts(platform.node(), versions(), state.nthreads, dict(state.total_resources))


def survey(client: Client) -> dict[str, Facts]:
    """What each worker is, by address, once there are any.

    Raises:
        NcbookError: naming a worker whose versions aren't this process's, or that would train
            several runs in one process (exit code 2).
    """
    if not client.nthreads():
        print("Waiting for the cluster's first worker", file=sys.stderr)
        client.wait_for_workers(1)
    found = ask(client, look)
    for address, facts in found.items():
        require_same(facts.versions, f"worker {address} on {facts.host}")
        _require_one_thread(address, facts.threads)
    return found


def ask(client: Client, function: Any, *arguments: Any) -> dict[str, Any]:
    """What a function of this package returns on each worker.

    Raises:
        NcbookError: if a worker has no such function, or can't do it (exit code 2).
    """
    answers: dict[str, Any] = client.run(function, *arguments, on_error="return")
    for address, answer in answers.items():
        if isinstance(answer, NcbookError):
            raise NcbookError(f"On worker {address}: {answer.cause}", answer.cure, 2)
        if isinstance(answer, Exception):
            raise NcbookError(
                f"Worker {address} has no ncbook like this one's, {ncbook.__version__} ({answer})",
                "Install the same version with its extra [cluster] on all machines",
                2,
            )
    return answers


def require_same(theirs: Mapping[str, str], who: str) -> None:
    """Refuse a worker whose versions aren't this process's.

    Raises:
        NcbookError: naming who has what (exit code 2).
    """
    for name, ours in versions().items():
        if theirs.get(name) != ours:
            raise NcbookError(
                f"Versions are mixed: {who} has {name} {theirs.get(name)}, this process {ours}",
                "Install the same versions on all machines; constraints.txt lists them",
                2,
            )


def _require_one_thread(address: str, threads: int) -> None:
    # Random numbers, thread counts and denormal floats are the process's, not the thread's.
    if threads != 1:
        raise NcbookError(
            f"Worker {address} would train {threads} runs at once in one process",
            "Start workers with `dask worker --nthreads 1`, several on a machine if need be",
            2,
        )
