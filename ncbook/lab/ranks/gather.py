"""The whole batch on every rank, from the ranks' shares, with a backward pass that is exact.

A contrastive loss isn't a sum over images: each image is compared with all others, so no rank can
take its part of the loss from its own share. Every rank therefore gathers the features of the whole
batch and computes the same loss L(h_1, …, h_R) of all shares h_r = f(x_r; θ).

The gradient wanted is that of one process, Σ_r (∂L/∂h_r)(∂h_r/∂θ). Rank r has what it needs for its
own term: ∂L/∂h_r are its own rows of the gradient of the gathered batch, since L is the same on all
ranks. DistributedDataParallel then takes the mean over ranks where a sum is wanted, so the rows
are multiplied by R. That is exact, and the backward pass sends nothing.

What goes wrong elsewhere:

- ``torch.distributed.all_gather`` passes no gradient. A loss of gathered features has none at all;
  where a rank puts its own features back into its place, as is often seen, ∂L/∂h_r is right, but
  without the factor R every gradient is R times too small.
- A backward pass that sums the gradients of all ranks' copies (``torch.distributed.nn``) is right
  for a sum of *different* losses. Of R equal ones it makes R ∂L/∂h_r: the same as here, for R times
  the traffic. Where each rank's loss is the mean over its own anchors, shares of unequal size
  weigh the same, which is another loss than the batch's.
"""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


def gathered(own: Tensor, total: int, rank: int, size: int) -> Tensor:
    """The whole batch in its own order, on every rank, differentiable as said above.

    A share is every R-th row from the rank's number on (`ncbook.batching.Sharded`), so row i is
    row i // R of rank i % R. Shares differ by one row at most: the short ones are padded by a row,
    and as they are those of the last ranks, all padding comes out at the end.

    Args:
        own: (m, …), this rank's share.
        total: n, the rows of all ranks.
        rank: this one, from 0.
        size: R.

    Returns:
        (n, …).
    """
    rows: Tensor = _Gather.apply(own, total, rank, size)
    return rows


def summed(own: Tensor) -> Tensor:
    """The sum over ranks of a tensor, on every rank, differentiable.

    What becomes of it differs from rank to rank, so its gradient is summed over ranks as well.
    """
    total: Tensor = _Sum.apply(own)
    return total


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, own: Tensor, total: int, rank: int, size: int) -> Tensor:
        ctx.rank, ctx.size = rank, size
        longest = -(-total // size)
        padded = own.new_zeros((longest, *own.shape[1:]))
        padded[: len(own)] = own
        shares = [torch.empty_like(padded) for _ in range(size)]
        dist.all_gather(shares, padded)
        return torch.stack(shares, dim=1).flatten(0, 1)[:total]  # (longest, R, …) read row by row

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        return gradients[0][ctx.rank :: ctx.size] * ctx.size, None, None, None


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, own: Tensor) -> Tensor:
        return _all_reduced(own)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return _all_reduced(gradients[0])


def _all_reduced(own: Tensor) -> Tensor:
    total = own.clone(memory_format=torch.contiguous_format)
    dist.all_reduce(total)
    return total
