"""Is a given proper colouring of a graph the only one with as many colours?

Colourings are compared as partitions: renaming the colours makes no other one. The question is hard
in general, so cheap steps come first: move a vertex or swap two colours in a part of the graph, and
take the colours that a clique forces. What that leaves undecided is searched exhaustively.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Integers = NDArray[np.integer[Any]]
Booleans = NDArray[np.bool_]

MAX_UNDECIDED = 50


def second_colouring(adjacency: Any, colours: Integers) -> Integers | None:
    """Another proper colouring with at most k colours, or None if there is no other.

    Args:
        adjacency: (m, m) sparse CSR array of bool, symmetric, with an empty diagonal.
        colours: (m,) a proper colouring with the colours 0 to k − 1, each of them used.

    Returns:
        (m,) colours from 0 to k − 1 that group the vertices otherwise than ``colours``, or None.

    Raises:
        ValueError: if more than ``MAX_UNDECIDED`` vertices that hang together stay undecided: the
            search would take time exponential in their number.
    """
    changed = _moved(adjacency, colours)
    if changed is None:
        changed = _swapped(adjacency, colours)
    if changed is not None:
        return changed
    clique = _clique(adjacency)
    allowed = _allowed(adjacency, colours, clique)  # (m, k)
    interchangeable = np.setdiff1d(colours, colours[clique]).tolist()
    pieces = _pieces(adjacency, allowed, len(interchangeable) <= 1)
    for piece in sorted(pieces, key=len):  # a small one may settle it before a large one is refused
        found = _searched(adjacency, colours, allowed, piece, interchangeable)
        if found is not None:
            return found
    return None


def _moved(adjacency: Any, colours: Integers) -> Integers | None:
    """``colours`` with one vertex moved to another that it has no neighbour of, by its degree.

    A swap would find this too, in memory that grows with m·k.
    """
    k = int(colours.max()) + 1
    loose = np.flatnonzero(np.diff(adjacency.indptr) < k - 1)
    if not len(loose):
        return None
    taken = np.append(colours[adjacency[loose[:1]].indices], colours[loose[0]])
    moved = colours.copy()
    moved[loose[0]] = np.setdiff1d(np.arange(k), taken)[0]
    return moved


def _swapped(adjacency: Any, colours: Integers) -> Integers | None:
    """``colours`` with two of them swapped on a part (a Kempe chain), where that regroups vertices.

    It does wherever the vertices of two colours a and b induce no connected graph: take two of them
    in different parts and swap one part: if they were of one colour they are no more, and the other
    way round. All pairs of colours at once: the graph has a vertex (v, b) for each v and each
    colour b, of which v takes part in the pair {a, b} if v is coloured a.
    """
    m, k = len(colours), int(colours.max()) + 1
    edges = adjacency.tocoo()
    ends = edges.row * k + colours[edges.col], edges.col * k + colours[edges.row]
    parts = connected_components(_graph(*ends, m * k), directed=False)[1].reshape(m, k)
    other = np.arange(k)
    own = colours[:, None]
    pair = np.minimum(own, other) * k + np.maximum(own, other)  # (m, k)
    first = np.zeros(k * k, dtype=parts.dtype)
    first[pair] = parts  # one part of each pair of colours, whichever is written last
    apart = np.argwhere((parts != first[pair]) & (own != other))
    if not len(apart):
        return None
    vertices, replaced = np.nonzero(parts == parts[tuple(apart[0])])
    swapped = colours.copy()
    swapped[vertices] = replaced
    return swapped


def _graph(heads: Integers, tails: Integers, size: int) -> Any:
    ends = heads.astype(np.int32), tails.astype(np.int32)  # csgraph takes no other integers
    return coo_array((np.ones(len(heads), dtype=bool), ends), shape=(size, size)).tocsr()


def _clique(adjacency: Any) -> Integers:
    """A clique that no vertex extends; greedy, so seldom too small and with no promise."""
    candidates, clique = np.arange(adjacency.shape[0]), []
    while len(candidates):
        among = adjacency[candidates][:, candidates]
        best = int(np.diff(among.indptr).argmax())
        clique.append(int(candidates[best]))
        candidates = candidates[among[[best]].indices]
    return np.array(clique)


def _allowed(adjacency: Any, colours: Integers, clique: Integers) -> Booleans:
    """Which colours each vertex can still have once the clique has its own, (m, k).

    Colouring the clique loses nothing, since colours can be renamed. A vertex that has one colour
    left is forced to it and takes it from its neighbours in turn. It is its own, ``colours`` being
    one of the colourings that remain.
    """
    allowed = np.ones((len(colours), int(colours.max()) + 1), dtype=bool)
    allowed[clique] = False
    allowed[clique, colours[clique]] = True
    forced, done = clique, np.zeros(len(colours), dtype=bool)
    while len(forced):
        done[forced] = True
        rows = adjacency[forced]
        allowed[rows.indices, np.repeat(colours[forced], np.diff(rows.indptr))] = False
        forced = np.flatnonzero((allowed.sum(1) == 1) & ~done)
    return allowed


def _pieces(adjacency: Any, allowed: Booleans, separable: bool) -> list[Integers]:
    """The undecided vertices: by connected parts if these are independent, else all together.

    They are independent unless two colours are still interchangeable, which ties their names.
    """
    undecided = np.flatnonzero(allowed.sum(1) > 1)
    if not len(undecided):
        return []
    if not separable:
        return [undecided]
    count, parts = connected_components(adjacency[undecided][:, undecided], directed=False)
    return [undecided[parts == part] for part in range(count)]


def _searched(
    adjacency: Any,
    colours: Integers,
    allowed: Booleans,
    piece: Integers,
    interchangeable: list[int],
) -> Integers | None:
    """``colours`` with another colouring of the piece, if it has one that regroups vertices."""
    if len(piece) > MAX_UNDECIDED:
        raise ValueError(
            f"dim: with as many dimensions as classes this takes an exhaustive search over "
            f"{len(piece)} undecided components, more than the {MAX_UNDECIDED} that are searched; "
            "more dimensions are decided at any size"
        )
    among = adjacency[piece][:, piece]
    neighbours = [set(among[[v]].indices.tolist()) for v in range(len(piece))]
    domains = {
        v: frozenset(np.flatnonzero(allowed[vertex]).tolist()) for v, vertex in enumerate(piece)
    }
    for chosen in _colourings(domains, neighbours, interchangeable):
        found = colours.copy()
        found[piece] = [chosen[v] for v in range(len(piece))]
        if not _same_partition(found, colours):
            return found
    return None


def _colourings(
    domains: Mapping[int, frozenset[int]], neighbours: list[set[int]], interchangeable: list[int]
) -> Iterator[dict[int, int]]:
    """Every proper colouring from the domains, once up to renaming interchangeable colours.

    The vertex with the fewest colours left is next; of colours that nobody has yet and that can be
    renamed at will, only the first is tried.
    """
    if not domains:
        yield {}
        return
    vertex = min(domains, key=lambda v: (len(domains[v]), -len(neighbours[v])))
    for colour in domains[vertex].difference(interchangeable[1:]):
        left = {
            v: domain - {colour} if v in neighbours[vertex] else domain
            for v, domain in domains.items()
            if v != vertex
        }
        if all(left.values()):
            unused = [c for c in interchangeable if c != colour]
            for colouring in _colourings(left, neighbours, unused):
                yield {vertex: colour} | colouring


def _same_partition(one: Integers, other: Integers) -> bool:
    together = len(set(zip(one.tolist(), other.tolist(), strict=True)))
    return together == len(set(one.tolist())) == len(set(other.tolist()))
