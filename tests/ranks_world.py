"""Several ranks on this machine, joined by gloo, and what they are asked to do in the tests.

They are forked from a server that has imported torch once, with what torch imports late. What they
do has to lie in a module that they can import, so it is here and not in the tests.
"""

import multiprocessing
import os
import pickle
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

from ncbook.errors import NcbookError
from ncbook.lab import session as sessions
from ncbook.lab.config import RunConfig
from ncbook.lab.data import load_dataset
from ncbook.lab.measurement import measure
from ncbook.lab.parallel import train_all
from ncbook.lab.ranks import ending, group, replica
from ncbook.lab.ranks.group import ALONE, Ranks
from ncbook.lab.ranks.joining import joined
from ncbook.lab.ranks.lock import held
from ncbook.lab.session import Session

Job = Callable[..., Any]
_servant = multiprocessing.get_context("forkserver")
_servant.set_forkserver_preload(["ncbook", "tests.ranks_world", "torch._dynamo"])


def in_ranks(size: int, job: Job, *arguments: Any) -> list[Any]:
    """What ``job(ranks, *arguments)`` gives on each of ``size`` ranks."""
    with tempfile.TemporaryDirectory() as folder:
        ranks = start_ranks(size, Path(folder), job, *arguments)
        for rank in ranks:
            rank.join(120)
        assert [rank.exitcode for rank in ranks] == [0] * size
        return [pickle.loads((Path(folder) / str(r)).read_bytes()) for r in range(size)]


def start_ranks(size: int, folder: Path, job: Job, *arguments: Any) -> list[Any]:
    """The processes; each leaves what its job gives in ``folder``, under its number."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ranks = [
        _servant.Process(target=_be, args=(rank, size, port, folder, job, arguments))
        for rank in range(size)
    ]
    for rank in ranks:
        rank.start()
    return ranks


def _be(rank: int, size: int, port: int, folder: Path, job: Job, arguments: Sequence[Any]) -> None:
    place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": size}
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    os.environ |= {name: str(value) for name, value in (place | meeting).items()}
    torch.set_num_threads(1)
    with joined("cpu") as ranks:
        found = job(ranks, *arguments)
        (folder / str(rank)).write_bytes(pickle.dumps(found))
        ranks.all(None)  # rank 0 keeps the store: it mustn't go first


@contextmanager
def double_precision() -> Iterator[None]:
    """Have a session compute in float64: what differs then isn't rounding."""
    initialise, normalise = sessions._initialise, sessions.normalise
    with (
        patch.object(sessions, "_initialise", lambda config: initialise(config).double()),
        patch.object(sessions, "normalise", lambda *given: normalise(*given).double()),
        patch.object(Tensor, "float", Tensor.double),
    ):
        yield


def session(config: RunConfig, ranks: Ranks = ALONE) -> Session:
    """A session on the CPU."""
    return Session(config, load_dataset(config.dataset), torch.device("cpu"), ranks)


Step = dict[str, Tensor]


def first_step(ranks: Ranks, config: RunConfig) -> Step:
    """Loss, every gradient, and the running statistics after the first batch, in float64."""
    with double_precision():
        it = session(config, ranks)
        it.network.train()
        loss = it.step(*next(it.batches()))
    trained = [(name, p.grad) for name, p in it.network.named_parameters() if p.grad is not None]
    buffers = {name: buffer.double() for name, buffer in it.network.named_buffers()}
    return {"loss": loss} | dict(trained) | buffers


def first_steps(ranks: Ranks, configs: Sequence[RunConfig]) -> list[Step]:
    """`first_step` of each configuration."""
    return [first_step(ranks, config) for config in configs]


_right = group.gathered


def _own_put_back(own: Tensor, total: int, rank: int, size: int) -> Tensor:
    """The usual recipe: gather without gradient, put the own rows back in, forget the factor."""
    rows = _right(own.detach(), total, rank, size).clone()
    rows[rank::size] = own
    return rows


def _one_after_the_other(own: Tensor, total: int, rank: int, size: int) -> Tensor:
    """Share after share, so that rows and labels don't belong together."""
    rows = _right(own, total, rank, size)
    return torch.cat([rows[r::size] for r in range(size)])


# What is easily done wrong: where, and what stands there then.
MISTAKES: dict[str, tuple[Any, str, Any]] = {
    "own rows put back": (group, "gathered", _own_put_back),
    "share after share": (group, "gathered", _one_after_the_other),
    "normalised apart": (replica, "synchronise", lambda network, device: None),
}


def mistaken_steps(ranks: Ranks, config: RunConfig) -> dict[str, Step]:
    """`first_step` with each of the mistakes."""
    found = {}
    for name, (module, attribute, wrong) in MISTAKES.items():
        with patch.object(module, attribute, wrong):
            found[name] = first_step(ranks, config)
    return found


def measured(ranks: Ranks, config: RunConfig) -> dict[str, Any]:
    """An untrained network's `measure`, in float64."""
    with double_precision():
        it = session(config, ranks)
        return measure(it.network, config, it.train, it.test, ranks)


def epoch_of_rows(ranks: Ranks, config: RunConfig) -> list[tuple[Tensor, Tensor]]:
    """The second epoch's batches, images standing there as their numbers, with the labels."""
    it = session(config, ranks)
    it.train = (torch.arange(len(it.train[1])), it.train[1])
    it.epoch = 1
    return list(it.batches())


def augmented_batch(ranks: Ranks, config: RunConfig) -> Tensor:
    """The images of the first batch."""
    return next(session(config, ranks).batches())[0]


def trained(ranks: Ranks, config: RunConfig, folder: Path) -> tuple[list[Any], Step]:
    """History and weights of a whole training in float64."""
    with double_precision():
        it = session(config, ranks)
        it.run_to_the_end(folder, lambda epoch, loss, nc1: None)
    return it.history, it.network.state_dict()


def refused(ranks: Ranks, config: RunConfig) -> str:
    """The error of a first step."""
    try:
        first_step(ranks, config)
    except NcbookError as error:
        return str(error)
    return ""


def trained_one_after_the_other(
    ranks: Ranks, configs: Sequence[RunConfig], cache: Path
) -> list[tuple[str, dict[str, Any]]]:
    """Ids and provenance of runs trained through the store, in a cache of their own."""
    os.environ["NCBOOK_CACHE"] = str(cache)
    return [(run.id, run.provenance) for run in train_all(configs, "cpu")]


def waiting(ranks: Ranks, path: Path) -> None:
    """Take a lock that others want too."""
    with held(path, ranks):
        pass


def stuck(ranks: Ranks, folder: Path) -> None:
    """Rank 0 waits for rank 1, which has stopped for good without a word."""
    ending.GRACE = 0.3
    sys.__stderr__ = (folder / f"said-{ranks.rank}").open("w")  # type: ignore[misc]
    ranks.all(None)
    (folder / f"pid-{ranks.rank}").write_text(str(os.getpid()))
    if ranks.first:
        ranks.all(None)
    os.kill(os.getpid(), signal.SIGSTOP)
