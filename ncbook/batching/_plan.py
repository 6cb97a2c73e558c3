"""A batch plan in arrays: which classes each batch holds, and which samples it ties together."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from ncbook.batching._inputs import Labels, as_integers

Integers = NDArray[np.integer[Any]]
Booleans = NDArray[np.bool_]
Batch = Tensor | ArrayLike | Sequence[int]


@dataclass(frozen=True, eq=False)
class Plan:
    """The entries of all batches, ordered by class, then batch: a run of them is a *share*.

    So a share is the samples that one batch holds of one class.
    """

    classes: Integers  # (k,) the labels that occur, ascending
    targets: Integers  # (n,) position of each sample's label in ``classes``
    num_batches: int
    samples: Integers  # (entries,)
    batches: Integers  # (entries,)
    starts: Integers  # (shares,) the first entry of each

    @cached_property
    def sizes(self) -> Integers:
        """The number of samples of each share, (shares,)."""
        return np.diff(self.starts, append=len(self.samples))

    @cached_property
    def single_class(self) -> Booleans:
        """Whether each batch holds one class only, (num_batches,)."""
        shares: Integers = np.bincount(self.batches[self.starts], minlength=self.num_batches)
        alone: Booleans = shares == 1
        return alone

    @cached_property
    def idle(self) -> Integers:
        """The samples that are in no batch."""
        return np.flatnonzero(np.bincount(self.samples, minlength=len(self.targets)) == 0)

    def met(self, vertices: Integers) -> Any:
        """Which vertices share a batch, as a symmetric CSR array of bool with an empty diagonal.

        Args:
            vertices: (n,) the vertex of each sample, the same for all samples of a share wherever
                the batch holds other classes too: components, or classes.
        """
        present = self._incidence(vertices, 1)
        return _off_diagonal(present.T @ present)

    def active(self, vertices: Integers) -> Any:
        """Which vertices share a batch that holds two samples of at least one; as ``met``."""
        pairs = self._incidence(vertices, 2).T @ self._incidence(vertices, 1)
        return _off_diagonal(pairs + pairs.T)

    def _incidence(self, vertices: Integers, least: int) -> Any:
        """Which vertices have a share of ``least`` samples in each batch, (batches, vertices)."""
        starts = self.starts[self.sizes >= least]
        shape = self.num_batches, int(vertices.max()) + 1
        return graph(self.batches[starts], vertices[self.samples[starts]], shape)


def read(batches: Iterable[Batch], labels: Labels) -> Plan:
    """Check batches and labels, and put them in order; errors as ``interaction_graph``."""
    classes, targets = np.unique(as_integers("labels", labels), return_inverse=True)
    if len(classes) < 2:
        raise ValueError(f"labels: expected at least 2 classes, got only {classes[0]}")
    members = [_indices(i, batch, len(targets)) for i, batch in enumerate(batches)]
    if not members:
        raise ValueError("batches: empty")
    samples = np.concatenate(members)
    owners = np.repeat(np.arange(len(members), dtype=np.int32), [len(m) for m in members])
    absent = np.setdiff1d(np.arange(len(classes)), targets[samples])
    if len(absent):
        raise ValueError(f"batches: class {classes[absent[0]]} is in none of them")
    _check_distinct(owners, samples, (len(members), len(targets)))
    return _ordered(classes, targets.astype(np.int32), len(members), samples, owners)


def _indices(position: int, batch: Batch, n: int) -> Integers:
    indices = as_integers(f"batches[{position}]", batch)
    for extreme in (indices.min(), indices.max()):
        if not 0 <= extreme < n:
            raise ValueError(f"batches[{position}]: index {extreme} is out of range for {n} labels")
    return indices.astype(np.int32)


def _check_distinct(owners: Integers, samples: Integers, shape: tuple[int, int]) -> None:
    distinct = np.diff(graph(owners, samples, shape).indptr)  # what is twice there is held once
    repeating = np.flatnonzero(distinct < np.bincount(owners))
    if len(repeating):
        held, times = np.unique(samples[owners == repeating[0]], return_counts=True)
        raise ValueError(f"batches[{repeating[0]}]: index {held[times.argmax()]} is there twice")


def _ordered(
    classes: Integers, targets: Integers, num_batches: int, samples: Integers, owners: Integers
) -> Plan:
    order = np.argsort(targets[samples], kind="stable")  # the batches are in order already
    samples, owners = samples[order], owners[order]
    held = targets[samples]
    changes = (np.diff(held) != 0) | (np.diff(owners) != 0)
    starts = np.concatenate([[0], np.flatnonzero(changes) + 1])
    return Plan(classes, targets, num_batches, samples, owners, starts)


def tied(plan: Plan) -> tuple[Integers, Integers]:
    """The component of each sample, (n,), and the batches whose condition that leaves out.

    Components are numbered by their first samples.
    """
    n = len(plan.targets)
    linked = np.ones(len(plan.samples), dtype=bool)  # to the entry before it
    linked[plan.starts] = False
    linked &= ~plan.single_class[plan.batches]
    components = merge(np.arange(n, dtype=np.int32), plan.samples, linked)
    return _closed(plan, components)


def _closed(plan: Plan, components: Integers) -> tuple[Integers, Integers]:
    """Tie each batch of one class in which two of three or more samples are tied, to closure."""
    triples = (plan.single_class & (np.bincount(plan.batches) >= 3))[plan.batches]
    samples, batches = plan.samples[triples], plan.batches[triples]
    while len(samples):
        order = np.lexsort((components[samples], batches))
        samples, batches = samples[order], batches[order]
        same_batch = np.diff(batches, prepend=-1) == 0
        meets = same_batch & (np.diff(components[samples], prepend=-1) == 0)
        closing = np.isin(batches, batches[meets])
        if not closing.any():
            break
        components = merge(components, samples, same_batch & closing)
        samples, batches = samples[~closing], batches[~closing]
    return components, np.unique(batches)


def merge(components: Integers, samples: Integers, linked: Booleans) -> Integers:
    """The components once each linked sample has joined the one before it in ``samples``."""
    later = np.flatnonzero(linked)
    heads, tails = components[samples[later - 1]], components[samples[later]]
    count = int(components.max()) + 1
    joined: Integers = connected_components(graph(heads, tails, (count, count)), directed=False)[1]
    return joined[components]


def graph(rows: Integers, columns: Integers, shape: tuple[int, int]) -> Any:
    """A CSR array of bool that is true there, however often an entry is given."""
    return csr_array((np.ones(len(rows), dtype=bool), (rows, columns)), shape=shape)


def _off_diagonal(pairs: Any) -> Any:
    entries = pairs.tocoo()
    off = entries.row != entries.col
    return graph(entries.row[off], entries.col[off], pairs.shape)
