"""A cluster to work on: one of processes of this machine, or one that is there already."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import psutil
import torch
from dask.distributed import Client, Nanny, Scheduler, SpecCluster

from ncbook.errors import NcbookError
from ncbook.lab.parallel import cores

LOCAL = "local"
HERE = "127.0.0.1"
LOGGED = "CRITICAL"  # what becomes of a task is told by its outcome
# Ctrl-C goes to every process of a terminal; the client, which gets it too, ends the workers.
HEEDLESS = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
ANSWER_WITHIN = 10  # seconds for a scheduler


@contextmanager
def connected(address: str, workers: int | None = None) -> Iterator[Client]:
    """A client of the scheduler at ``address``, or of a cluster of this machine's own.

    Args:
        address: such as ``tcp://10.0.0.7:8786``, or ``local``.
        workers: of a local cluster; None starts one for each GPU, else one for each core.

    Raises:
        NcbookError: if no scheduler answers (exit code 2).
    """
    with ExitStack() as stack:
        place = stack.enter_context(_local(workers)) if address == LOCAL else address
        try:
            client = stack.enter_context(Client(place, timeout=ANSWER_WITHIN))
        except (OSError, ValueError, TimeoutError) as error:
            raise NcbookError(
                f"No Dask scheduler answers at {address}",
                "Start one with `dask scheduler` and give its address, or `local`",
                2,
            ) from error
        print(f"Dashboard: {client.dashboard_link}", file=sys.stderr)
        yield client


def _local(count: int | None) -> SpecCluster:
    """Worker processes on this machine, for no other machine to see."""
    gpus = torch.cuda.device_count()
    count = count or gpus or cores()
    memory = psutil.virtual_memory().total // count
    return SpecCluster(
        workers={n: {"cls": Nanny, "options": _worker(n, gpus, memory)} for n in range(count)},
        scheduler={
            "cls": Scheduler,
            "options": {"host": HERE, "port": 0, "dashboard_address": f"{HERE}:0"},
        },
        silence_logs=LOGGED,
    )


def _worker(number: int, gpus: int, memory: int) -> dict[str, Any]:
    """A process that trains one run at a time, on a GPU of its own if there are any."""
    return {
        "host": HERE,
        "nthreads": 1,
        "memory_limit": memory,
        "silence_logs": LOGGED,
        "dashboard": False,
        "preload": [HEEDLESS],
        "resources": {"MEMORY": memory} | ({"GPU": 1} if gpus else {}),
        "env": {"CUDA_VISIBLE_DEVICES": str(number % gpus)} if gpus else {},
    }
