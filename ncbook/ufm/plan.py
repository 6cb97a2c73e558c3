"""A batch plan as an objective: the loss over all its batches, its gradient and its lower bound."""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ncbook._checks import check_labels
from ncbook.supcon import supcon_loss
from ncbook.ufm.bounds import lower_bound

# Small batches of one size are computed together, since a call costs more than they do; beyond
# this size a batch is computed alone by the fused loss, which holds no (b, b) matrix.
_SMALL = 128
_STACK_ENTRIES = 2**19  # similarities of a stack


@dataclass(frozen=True, eq=False)
class Plan:
    """The batches in which someone is an anchor.

    Attributes:
        labels: (n,) on the device of the computation.
        stacks: (m, b) indices each, m batches of b samples.
        occurrences: (n, 1) float64, in how many of the batches a sample is, at least 1.
        anchors: how many there are, each counted once for every batch it is an anchor in.
        class_counts: of each batch, sorted, with the number of batches that have them.
    """

    labels: Tensor
    stacks: list[Tensor]
    occurrences: Tensor
    anchors: int
    class_counts: dict[tuple[int, ...], int]

    def evaluate(self, features: Tensor, temperature: float) -> tuple[float, Tensor]:
        """The mean of ℓ_i over all anchors, and its gradient (n, d)."""
        total, gradient = 0.0, torch.zeros_like(features)
        for stack in self.stacks:
            leaf = features[stack].requires_grad_()  # (m, b, d)
            loss = _summed_loss(leaf, self.labels[stack], temperature)
            slopes = torch.autograd.grad(loss, leaf)[0]
            gradient.index_add_(0, stack.flatten(), slopes.flatten(0, 1))
            total += loss.item()
        return total / self.anchors, gradient.div_(self.anchors)

    def lower_bound(self, temperature: float, nonnegative: bool) -> float:
        """The mean of every batch's own lower bound, weighted by its anchors."""
        bounds = (
            batches * _anchors(counts) * lower_bound(counts, temperature, nonnegative)
            for counts, batches in self.class_counts.items()
        )
        return sum(bounds) / self.anchors


def plan_of(labels: Tensor, batches: Iterable[Sequence[int]] | None) -> Plan:
    """Check labels and batches and stack the batches; the full batch if none are given.

    Raises:
        ValueError: naming ``labels`` or ``batches``, if they are not as ``solve_ufm`` asks.
    """
    check_labels(labels, labels.numel() if isinstance(labels, Tensor) else 0)
    if batches is None:
        name, members = "labels", [torch.arange(len(labels), device=labels.device)]
    else:
        name, members = "batches", [*_indices(batches, len(labels), labels.device)]
    active: dict[int, list[Tensor]] = defaultdict(list)  # batch size -> batches
    class_counts: dict[tuple[int, ...], int] = defaultdict(int)
    for batch in members:
        counts = torch.unique(labels[batch], return_counts=True)[1].sort().values.tolist()
        if _anchors(counts):
            active[len(batch)].append(batch)
            class_counts[tuple(counts)] += 1
    if not active:
        raise ValueError(f"{name}: no label occurs twice in a batch, so no anchor has a positive")
    anchors = sum(batches * _anchors(counts) for counts, batches in class_counts.items())
    stacks = [*_stacks(active)]
    everyone = torch.cat([stack.flatten() for stack in stacks])
    occurrences = torch.bincount(everyone, minlength=len(labels)).clamp(min=1).double().unsqueeze(1)
    return Plan(labels, stacks, occurrences, anchors, class_counts)


def _anchors(counts: Sequence[int]) -> int:
    return sum(count for count in counts if count >= 2)


def _stacks(active: dict[int, list[Tensor]]) -> Iterator[Tensor]:
    for size, batches in active.items():
        together = max(1, _STACK_ENTRIES // size**2) if size <= _SMALL else 1
        yield from torch.stack(batches).split(together)


def _summed_loss(features: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """Σ ℓ_i over the anchors of a stack of batches, (m, b, d)."""
    if labels.shape[1] > _SMALL:
        anchors = _anchors(torch.unique(labels[0], return_counts=True)[1].tolist())
        return supcon_loss(features[0], labels[0], temperature).mul(anchors)
    itself = torch.eye(labels.shape[1], dtype=torch.bool, device=labels.device)
    similarities = features @ features.mT / temperature  # (m, b, b)
    positive = (labels.unsqueeze(2) == labels.unsqueeze(1)) & ~itself
    positives = positive.sum(2)  # (m, b)
    pulls = (similarities * positive).sum(2) / positives.clamp(min=1)
    losses = similarities.masked_fill(itself, -math.inf).logsumexp(2) - pulls
    return losses[positives > 0].sum()


def _indices(batches: Iterable[Sequence[int]], n: int, device: torch.device) -> Iterator[Tensor]:
    for number, given in enumerate(batches):
        batch = torch.as_tensor(given, device=device)
        if batch.ndim != 1 or len(batch) == 0 or batch.is_floating_point():
            raise ValueError(f"batches: batch {number} is not a non-empty sequence of indices")
        outside = batch[(batch < 0) | (batch >= n)]
        if len(outside):
            raise ValueError(
                f"batches: batch {number} holds index {int(outside[0])}, but there are {n} samples"
            )
        if len(torch.unique(batch)) < len(batch):
            raise ValueError(f"batches: batch {number} holds an index twice")
        yield batch.long()
