"""The processes that train one run together, as each of them sees it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor

from ncbook.errors import NcbookError
from ncbook.lab.device import pick_device
from ncbook.lab.ranks import launch
from ncbook.lab.ranks.gather import gathered

T = TypeVar("T")


@dataclass(frozen=True)
class Ranks:
    """This process among all, to ask for its part and to talk with the others.

    Whoever calls a method that talks has to do so on every rank, in the same order. `ALONE` does
    all of it without a word: code written for ranks is the code for one process.

    Attributes:
        rank: this process, from 0.
        size: the number of processes.
    """

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the rank that writes and reports."""
        return self.rank == 0

    def share(self, rows: Tensor) -> Tensor:
        """This rank's rows of what every rank has whole, as `ncbook.batching.Sharded` deals them.

        Raises:
            NcbookError: if there are fewer rows than ranks.
        """
        if len(rows) < self.size:
            raise NcbookError(
                f"{self.size} ranks can't share {len(rows)} images",
                "Use fewer ranks, or larger batches",
                2,
            )
        return rows[self.rank :: self.size]

    def join(self, own: Tensor, total: int) -> Tensor:
        """All ``total`` rows in their own order, from each rank's share; differentiable (`gather`).

        Args:
            own: (m, …), the rows that belong to ``share`` of a tensor (total, …).
            total: the number of rows of all ranks.

        Returns:
            (total, …) on every rank.
        """
        return own if self.size == 1 else gathered(own, total, self.rank, self.size)

    def all(self, value: T) -> list[T]:
        """What each rank gives, in the order of ranks, on every rank."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        dist.all_gather_object(values, value)
        return values

    def told(self, value: T) -> T:
        """What rank 0 gives, on every rank: decisions are taken once, or ranks could part ways."""
        if self.size == 1:
            return value
        values: list[Any] = [value]
        dist.broadcast_object_list(values, src=0)
        return cast(T, values[0])

    def in_turn(self, find: Callable[[], T | None]) -> T | None:
        """What ``find`` finds: rank 0 looks first, the others only if it found something.

        Raises:
            NcbookError: on a rank that doesn't find what rank 0 did.
        """
        found = find() if self.first else None
        if self.told(found is not None) and not self.first:
            found = find()
            if found is None:
                raise self.astray()
        return found

    def astray(self) -> NcbookError:
        """The error of a rank that looks for files in another folder than rank 0."""
        return NcbookError(
            f"Rank {self.rank} doesn't see the runs that rank 0 keeps",
            "Set NCBOOK_CACHE to one folder that all machines share",
        )

    def place(self, device: str) -> torch.device:
        """The device of this rank: of CUDA's, one a rank.

        Raises:
            NcbookError: if there is none for it.
        """
        chosen = pick_device(device)
        if self.size == 1 or chosen.type == "cpu":
            return chosen
        local, there = launch.local_rank(), torch.cuda.device_count()
        if chosen.type == "mps" or local >= there:
            raise NcbookError(
                f"There is no {chosen.type} device for rank {self.rank}, number {local + 1} here",
                f"Use device 'cpu', or give torchrun --nproc-per-node {max(there, 1)}",
                2,
            )
        torch.cuda.set_device(local)
        return torch.device("cuda", local)

    def facts(self) -> dict[str, Any]:
        """What a run's provenance says of them; of one process, nothing."""
        if self.size == 1:
            return {}
        return {"ranks": self.size, "batch_norm": "synchronised over all ranks"}


ALONE = Ranks()
