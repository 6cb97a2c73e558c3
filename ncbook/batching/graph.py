"""Which minimisers a batch plan leaves: its samples as a graph, and a second minimiser if any.

The objective is the sum over batches B and anchors i in B of the supervised contrastive loss ℓ_i of
B, over unit features h_i ≥ 0 of dimension d ≥ k. An orthogonal frame attains every batch's own
bound (arXiv:2306.07960), so the minimisers are exactly the features that attain all of them. For a
batch of two or more classes that means

- h_i = h_j for samples of one class, and
- h_i ⟂ h_l for samples of two classes of which at least one has two samples or more there, an
  *active* pair: two single samples are no anchors, and nothing pushes them apart.

Samples that a chain of batches ties by the first condition form a *component*; two components with
an active pair are adjacent in the *conflict graph*, of which the labels are a proper colouring.
Any proper colouring with d colours is a minimiser: give each component the axis of its colour. So
the orthogonal frame can only be unique (as a Gram matrix HHᵀ) if the labels are the only proper
colouring with at most d colours, up to renaming. Then it is:

- d ≥ k + 1: the labels being the only colouring says that each class is one component (else one of
  several could take a spare colour) and each two classes have an active pair (else they could share
  a colour). The frame is then forced.
- d = k: choosing a coordinate from the support of each component's features gives a colouring,
  which has to be that of the labels. A support with two coordinates would give two colourings: all
  k colours are in use, so switching from one to another regroups the components. So all supports
  are single coordinates, one for each class. A class of several components can be forced this way.

A batch of a single class is another matter. Of two samples it has a constant loss. Of three or more
it asks for equal inner products of all its pairs (Jensen): if two of them are in one component that
is 1, so the others join them. If no two are, the graph can't hold the condition, and the batch is
*loose*. Loose batches only take minimisers away, so "unique" stays right.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import triu
from torch import Tensor
from torch.nn.functional import one_hot

from ncbook.batching._inputs import Labels
from ncbook.batching._plan import Batch, Plan, merge, read, tied
from ncbook.batching.colouring import second_colouring

Integers = NDArray[np.integer[Any]]


def interaction_graph(batches: Iterable[Batch], labels: Labels) -> "InteractionGraph":
    """The graph of a batch plan: components of samples, and the active pairs between them.

    Args:
        batches: index sequences (lists, arrays or tensors): a list of them, or a sampler for the
            epoch it stands at. For several epochs chain their batches.
        labels: (n,) integers, k ≥ 2 different ones. Samples in no batch are components of their
            own.

    Raises:
        ValueError: naming the argument: ``labels`` that are empty, not 1-D, not integers or all
            equal; no batch at all, a class that is in none; and for the i-th of them, as
            ``batches[i]``, an empty batch, an index that isn't an integer, is out of range for the
            labels or is there twice.
    """
    plan = read(batches, labels)
    return InteractionGraph(plan, *tied(plan))


@dataclass(frozen=True, eq=False, repr=False)
class InteractionGraph:
    """What a batch plan forces on its minimisers; made by ``interaction_graph``.

    Classes are numbered by their labels' order, components by their first samples.
    """

    _plan: Plan
    _components: Integers
    _loose: Integers

    def __repr__(self) -> str:
        n, k, m = len(self._components), len(self._plan.classes), len(self._colours)
        return f"InteractionGraph({n} samples, {k} classes, {m} components)"

    @cached_property
    def classes(self) -> Tensor:
        """The labels of the classes, (k,), ascending."""
        return torch.from_numpy(self._plan.classes)

    @cached_property
    def components(self) -> Tensor:
        """The component of each sample, (n,): samples of one component coincide."""
        return torch.from_numpy(self._components).long()

    @cached_property
    def component_classes(self) -> Tensor:
        """The class of each component, (m,), from 0 to k − 1."""
        return torch.from_numpy(self._colours).long()

    @cached_property
    def class_pairs(self) -> Tensor:
        """Which classes have an active pair of samples, (k, k) bool, symmetric."""
        return torch.from_numpy(self._plan.active(self._plan.targets).toarray())

    @cached_property
    def active_edges(self) -> Tensor:
        """The conflict graph's edges, (e, 2): components a < b with an active pair of samples."""
        return _edges(self._adjacency)

    @cached_property
    def inactive_edges(self) -> Tensor:
        """Components a < b, (e, 2), of samples that share batches only as the only ones there."""
        return _edges(self._plan.met(self._components) > self._adjacency)

    @property
    def exact(self) -> bool:
        """Whether every batch's condition is in the graph, so that no batch is loose.

        If so, ``is_unique`` decides. If not, its True is certain, and its False where ``witness``
        gives a second minimiser.
        """
        return not len(self._loose)

    def is_unique(self, dim: int) -> bool:
        """Whether an orthogonal frame is the only minimiser of the plan, as a Gram matrix HHᵀ.

        For ``dim`` > k this takes time linear in the number of samples and of batches of a given
        size; for ``dim`` = k it is whether the conflict graph has a single proper colouring with k
        colours, which is hard in general.

        Args:
            dim: d ≥ k, the dimension of the features.

        Raises:
            ValueError: if ``dim`` < k, or if ``dim`` = k and the components that are neither forced
                nor freed by simple means are too many for an exhaustive search
                (``colouring.MAX_UNDECIDED``).
        """
        self._check(dim)
        return self._second(dim) is None

    def witness(self, dim: int) -> Tensor | None:
        """A minimiser that is no orthogonal frame, (n, dim) float64; None if there is none.

        Each sample lies on a coordinate axis, so the features are unit vectors ≥ 0. If the graph is
        not ``exact``, the witness keeps the loose batches' conditions too, and None can also mean
        that no such witness was found: then ``violations`` names the loose batches.

        Arguments and errors as ``is_unique``.
        """
        self._check(dim)
        colours = self._tightened._second(dim)
        if colours is not None:
            axes = colours[self._tightened._components]
        elif (spread := self._spread(dim)) is not None:
            axes = spread[self._components]
        else:
            return None
        return one_hot(torch.from_numpy(axes).long(), dim).double()

    def violations(self) -> list[str]:
        """Why an orthogonal frame isn't the only minimiser at every d ≥ k + 1; empty if it is.

        One sentence for each class that is split, each pair of classes without an active pair, and
        what the plan leaves open. At d = k a missing active pair is still decisive, and a split
        class may be forced: ask ``is_unique``.
        """
        reasons = self._splits() + self._missing_pairs()
        return reasons + self._remarks() if reasons else []

    @cached_property
    def _colours(self) -> Integers:
        """The class of each component, (m,)."""
        colours = np.empty(int(self._components.max()) + 1, dtype=np.int64)
        colours[self._components] = self._plan.targets
        return colours

    @cached_property
    def _adjacency(self) -> Any:
        return self._plan.active(self._components)

    @cached_property
    def _tightened(self) -> "InteractionGraph":
        """The graph if the samples of each loose batch coincide: sufficient for its condition."""
        if self.exact:
            return self
        plan = self._plan
        linked = np.isin(plan.batches, self._loose)
        linked[plan.starts] = False
        components = merge(self._components, plan.samples, linked)
        return InteractionGraph(plan, components, self._loose[:0])

    def _check(self, dim: int) -> None:
        k = len(self._plan.classes)
        if dim < k:
            raise ValueError(f"dim: {k} classes need at least {k}, got {dim}")

    def _second(self, dim: int) -> Integers | None:
        """Another proper colouring of the components with at most ``dim`` colours, or None."""
        missing = self._unpushed()
        k, sizes = len(self._plan.classes), np.bincount(self._colours)
        if len(missing):
            first, second = missing[0]
            return np.where(self._colours == second, first, self._colours)
        if sizes.max() == 1:
            return None
        if dim == k:
            return second_colouring(self._adjacency, self._colours)
        colours = self._colours.copy()
        colours[np.flatnonzero(colours == sizes.argmax())[-1]] = k
        return colours

    def _spread(self, dim: int) -> Integers | None:
        """Each component of one class on its own axis: equal inner products in any loose batch."""
        k, sizes = len(self._plan.classes), np.bincount(self._colours)
        split = np.flatnonzero(sizes > 1)
        if not len(split) or k + sizes[split].min() - 1 > dim:
            return None
        members = np.flatnonzero(self._colours == split[sizes[split].argmin()])
        colours = self._colours.copy()
        colours[members[1:]] = np.arange(k, k + len(members) - 1)
        return colours

    def _unpushed(self) -> Integers:
        """Pairs of classes a < b without an active pair, (pairs, 2)."""
        return np.argwhere(np.triu(~self.class_pairs.numpy(), 1))

    def _splits(self) -> list[str]:
        firsts = np.unique(self._components, return_index=True)[1]  # (m,)
        reasons = []
        for c, label in enumerate(self._plan.classes):
            members = firsts[self._colours == c]
            if len(members) > 1:
                reasons.append(
                    f"class {label} falls into {len(members)} components: no chain of batches ties "
                    f"sample {members[1]} to sample {members[0]}"
                )
        return reasons

    def _missing_pairs(self) -> list[str]:
        missing = self._unpushed()
        if not len(missing):
            return []
        met, labels = self._plan.met(self._plan.targets).toarray(), self._plan.classes
        how = {
            False: "never share a batch",
            True: "share batches only as single samples, where neither is an anchor",
        }
        return [f"classes {labels[a]} and {labels[b]} {how[bool(met[a, b])]}" for a, b in missing]

    def _remarks(self) -> list[str]:
        remarks = []
        idle, single = self._plan.idle, np.flatnonzero(self._plan.single_class)
        if len(idle):
            remarks.append(f"sample {idle[0]} is the first of {len(idle)} in no batch")
        if len(single):
            remarks.append(
                f"batch {single[0]} is the first of {len(single)} that hold a single class: of two "
                "samples its loss is constant, of more it asks for equal inner products only"
            )
        if len(self._loose):
            remarks.append(
                f"of these, {len(self._loose)} hold three samples or more of which no two are "
                f"tied, the first is batch {self._loose[0]}: the graph leaves them out, so without "
                "a witness an orthogonal frame may be the only minimiser all the same"
            )
        return remarks


def _edges(adjacency: Any) -> Tensor:
    upper = triu(adjacency).tocoo()
    return torch.from_numpy(np.stack([upper.row, upper.col], axis=1)).long()
