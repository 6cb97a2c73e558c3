"""Batch samplers over a label vector, and the binding that makes the orthogonal frame unique.

Each is a ``torch.utils.data.Sampler`` of lists of indices, to be used as
``DataLoader(batch_sampler=…)``. What an epoch holds is a function of (seed, epoch) alone: a sampler
keeps no count of what it has handed out, because a DataLoader with workers asks ahead of the
training and any such count would be too high. The training counts its steps itself: one that
stopped after batch j of epoch e goes on with ``set_epoch(e, start=j + 1)``.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from itertools import islice

import torch
from torch import Tensor
from torch.utils.data import Sampler

from ncbook.batching._inputs import Labels, as_labels


class BatchPlan(Sampler[list[int]], ABC):
    """What the samplers of whole batches share: an epoch, and where in it to begin.

    Iterating gives lists of indices, ``batches`` the same as tensors; ``len`` is exactly the number
    of batches that either gives, so those from ``start`` on.
    """

    def __init__(self, labels: Labels) -> None:
        self.labels = as_labels(labels)  # (n,)
        self.epoch = 0
        self.start = 0

    @property
    @abstractmethod
    def num_batches(self) -> int:
        """The number of batches of a whole epoch."""

    @abstractmethod
    def epoch_batches(self) -> Iterable[Tensor]:
        """All batches of the epoch, whatever ``start`` is: 1-D int64 tensors of indices."""

    def set_epoch(self, epoch: int, start: int = 0) -> None:
        """Choose the epoch, and the batch of it to begin with: for resuming, the first not done.

        Raises:
            ValueError: if ``epoch`` is negative, or ``start`` not from 0 to the number of batches.
        """
        if epoch < 0:
            raise ValueError(f"epoch: expected 0 or more, got {epoch}")
        if not 0 <= start <= self.num_batches:
            raise ValueError(f"start: expected 0 to {self.num_batches} batches, got {start}")
        self.epoch, self.start = epoch, start

    def batches(self) -> Iterator[Tensor]:
        """The epoch's batches from ``start`` on: 1-D int64 tensors of indices, on the CPU."""
        return islice(self.epoch_batches(), self.start, None)

    def __iter__(self) -> Iterator[list[int]]:
        return (batch.tolist() for batch in self.batches())

    def __len__(self) -> int:
        return self.num_batches - self.start


class _Partition(BatchPlan):
    """All samples in ⌈n / batch_size⌉ batches of equal size up to one, in random order."""

    def __init__(self, labels: Labels, batch_size: int, seed: int = 0) -> None:
        super().__init__(labels)
        if batch_size < 2:
            raise ValueError(f"batch_size: expected 2 or more, got {batch_size}")
        self.batch_size = batch_size
        self.seed = seed

    @property
    def num_batches(self) -> int:
        """⌈n / batch_size⌉."""
        return math.ceil(len(self.labels) / self.batch_size)

    def _partition(self, epoch: int) -> Iterable[Tensor]:
        order = torch.randperm(len(self.labels), generator=_generator(self.seed, epoch))
        return order.tensor_split(self.num_batches)


class Fixed(_Partition):
    """A random partition of all samples into ⌈n / batch_size⌉ batches, the same in every epoch.

    It is ``Reshuffled``'s of epoch 0; arguments and errors as there.
    """

    def epoch_batches(self) -> Iterable[Tensor]:
        """All batches of any epoch."""
        return self._partition(0)


class Reshuffled(_Partition):
    """A random partition of all samples into ⌈n / batch_size⌉ batches, drawn anew every epoch.

    Nothing is dropped, and the sizes differ by at most one: a small last batch would leave anchors
    without a positive.

    Args:
        labels: (n,) integers: tensor, array or list.
        batch_size: the most samples of a batch, ≥ 2: a sample alone has no loss.
        seed: the partition of an epoch is set by (seed, epoch).

    Raises:
        ValueError: if ``labels`` are empty, not 1-D or not integers, or ``batch_size`` < 2.
    """

    def epoch_batches(self) -> Iterable[Tensor]:
        """All batches of the epoch."""
        return self._partition(self.epoch)


class ClassBalanced(BatchPlan):
    """``per_class`` samples of every class in every batch, class after class.

    An epoch is long enough for the largest class to be seen once: ⌈n_max / per_class⌉ batches.
    Each class is passed through in random order, and again in another one until the epoch ends, so
    how often two samples of a class are seen differs by at most one. No sample is in a batch twice:
    a class of fewer than ``per_class`` samples is in every batch as a whole.

    Args:
        labels: (n,) integers: tensor, array or list.
        per_class: m ≥ 1. With m = 1 no anchor has a positive: fine for cross-entropy, no use for a
            contrastive loss.
        seed: what an epoch holds is set by (seed, epoch).

    Raises:
        ValueError: if ``labels`` are empty, not 1-D or not integers, or ``per_class`` < 1.
    """

    def __init__(self, labels: Labels, per_class: int, seed: int = 0) -> None:
        super().__init__(labels)
        if per_class < 1:
            raise ValueError(f"per_class: expected 1 or more, got {per_class}")
        self.per_class = per_class
        self.seed = seed
        self._members = _members(self.labels)

    @property
    def num_batches(self) -> int:
        """⌈n_max / per_class⌉."""
        return math.ceil(max(map(len, self._members)) / self.per_class)

    def epoch_batches(self) -> Iterable[Tensor]:
        """All batches of the epoch."""
        generator = _generator(self.seed, self.epoch)
        columns = [self._drawn(members, generator) for members in self._members]
        return torch.cat(columns, dim=1)  # (batches, Σ_c min(m, n_c)), iterated by rows

    def _drawn(self, members: Tensor, generator: torch.Generator) -> Tensor:
        """What each batch holds of one class, (batches, min(m, n_c)): pass after pass through it.

        Where a batch begins in one pass and ends in the next, what it already holds goes to the
        back of the next: n_c ≥ m others are ahead of it, so nothing comes twice.
        """
        size, take = len(members), min(self.per_class, len(members))
        drawn = self.num_batches * take
        passes = [members[:0]]
        for done in range(0, drawn, size):
            order = members[torch.randperm(size, generator=generator)]
            begun = passes[-1][size - done % take :]
            again = torch.isin(order, begun)
            passes.append(torch.cat([order[~again], order[again]]))
        return torch.cat(passes)[:drawn].view(self.num_batches, take)


class BatchBinding(BatchPlan):
    """The batches of another sampler, each with the first ``per_class`` samples of every class.

    The bound samples follow the batch's own, class after class; those that the batch already holds
    are left out. With at least one of each class the orthogonal frame is the only minimiser of
    the supervised contrastive loss over non-negative unit features, for any partition of classes
    of two samples or more (arXiv:2306.07960, which binds one of each).

    Args:
        sampler: ``Fixed``, ``Reshuffled``, ``ClassBalanced`` or another binding.
        labels: (n,) integers, one for each sample of ``sampler``.
        per_class: how many of each class; all of a smaller class; 0 binds nothing.

    Raises:
        ValueError: if ``sampler`` isn't one of these (a ``Sharded`` one would bind on every rank:
            bind first, then shard), ``labels`` are empty, not 1-D, not integers or of another
            length than the sampler's, or ``per_class`` is negative.
    """

    def __init__(self, sampler: BatchPlan, labels: Labels, per_class: int = 1) -> None:
        super().__init__(labels)
        _check_plan(sampler)
        if len(self.labels) != len(sampler.labels):
            raise ValueError(
                f"labels: got {len(self.labels)} for a sampler of {len(sampler.labels)} samples"
            )
        if per_class < 0:
            raise ValueError(f"per_class: expected 0 or more, got {per_class}")
        self.epoch, self.start = sampler.epoch, sampler.start
        self.sampler = sampler
        self.per_class = per_class
        self.bound = torch.cat([members[:per_class] for members in _members(self.labels)])

    @property
    def num_batches(self) -> int:
        """As many as the sampler's."""
        return self.sampler.num_batches

    def epoch_batches(self) -> Iterable[Tensor]:
        """All batches of the epoch, bound."""
        for batch in self.sampler.epoch_batches():
            yield torch.cat([batch, self.bound[~torch.isin(self.bound, batch)]])

    def set_epoch(self, epoch: int, start: int = 0) -> None:
        """Choose the epoch and the batch to begin with, as in ``BatchPlan``."""
        super().set_epoch(epoch, start)
        self.sampler.set_epoch(epoch, start)


class Sharded(Sampler[list[int]]):
    """One rank's share of every batch: each ``world_size``-th sample, beginning with the rank's.

    The shares of all ranks are the whole batch, without loss or repetition, and their sizes differ
    by at most one; every rank has as many batches as the whole plan. A contrastive loss is meant to
    see the whole batch, bound samples once, so it has to gather the ranks' features, and to allow
    for that difference of one where it does.

    Args:
        sampler: the plan of whole batches, bound or not; each rank needs the same.
        rank: this process, from 0 to ``world_size`` − 1.
        world_size: the number of processes.

    Raises:
        ValueError: if ``sampler`` isn't one of the other samplers here, ``world_size`` < 1 or
            ``rank`` isn't one of its ranks; while iterating, for a batch with fewer samples
            than ranks.
    """

    def __init__(self, sampler: BatchPlan, rank: int, world_size: int) -> None:
        _check_plan(sampler)
        if world_size < 1:
            raise ValueError(f"world_size: expected 1 or more, got {world_size}")
        if not 0 <= rank < world_size:
            raise ValueError(f"rank: expected 0 to {world_size - 1}, got {rank}")
        self.sampler = sampler
        self.rank = rank
        self.world_size = world_size

    def set_epoch(self, epoch: int, start: int = 0) -> None:
        """Choose the epoch and the batch to begin with, as in ``BatchPlan``."""
        self.sampler.set_epoch(epoch, start)

    def batches(self) -> Iterator[Tensor]:
        """This rank's share of the epoch's batches from ``start`` on, as tensors of indices."""
        for batch in self.sampler.batches():
            if len(batch) < self.world_size:
                raise ValueError(
                    f"world_size: {self.world_size} ranks can't share a batch of {len(batch)}"
                )
            yield batch[self.rank :: self.world_size]

    def __iter__(self) -> Iterator[list[int]]:
        return (batch.tolist() for batch in self.batches())

    def __len__(self) -> int:
        return len(self.sampler)


def _generator(seed: int, epoch: int) -> torch.Generator:
    # Made from (seed, epoch) alone, so a resumed training needs no generator state.
    return torch.Generator().manual_seed(seed * 1_000_003 + epoch)


def _members(labels: Tensor) -> tuple[Tensor, ...]:
    """The samples of each class in index order, classes in the order of their labels."""
    sizes = labels.unique(return_counts=True)[1]
    return tuple(torch.split(labels.argsort(stable=True), sizes.tolist()))


def _check_plan(sampler: object) -> None:
    if not isinstance(sampler, BatchPlan):
        raise ValueError(
            "sampler: expected one of Fixed, Reshuffled, ClassBalanced and BatchBinding, "
            f"got {type(sampler).__name__}"
        )
