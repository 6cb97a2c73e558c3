"""Joining the other ranks of this run, and leaving them in good order."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import torch.distributed as dist
from torch.distributed import PrefixStore  # type: ignore[attr-defined]
from torch.distributed.rendezvous import rendezvous

from ncbook.lab.ranks import launch
from ncbook.lab.ranks.ending import stopping_together
from ncbook.lab.ranks.group import ALONE, Ranks

_meetings = count()  # the same on all ranks, who join and leave together


@contextmanager
def joined(device: str) -> Iterator[Ranks]:
    """The ranks that ``torchrun`` has started with this one; `ALONE` without it.

    Gradients travel by NCCL between CUDA devices, one a rank, and by gloo between CPUs; what the
    ranks tell each other besides goes by gloo. Within another such context it is the same ranks.

    Args:
        device: as in `train`.

    Raises:
        NcbookError: if this rank has no device, or, out of the context, if another rank ended.
    """
    if not launch.many():
        yield ALONE
        return
    ranks = Ranks(launch.rank(), launch.size())
    if dist.is_initialized():
        yield ranks
        return
    backend = "cpu:gloo,cuda:nccl" if ranks.place(device).type == "cuda" else "gloo"
    with stopping_together(ranks.size):
        store, rank, size = next(rendezvous("env://"))
        # The launcher's store outlives a group, and its addresses would lead the next one astray.
        store = PrefixStore(f"ncbook/{next(_meetings)}", store)
        dist.init_process_group(backend, store=store, rank=rank, world_size=size)
        yield ranks
        # After an error the others may be gone, and taking leave of them would take forever.
        dist.destroy_process_group()
