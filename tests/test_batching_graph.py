"""The interaction graph against exhaustive enumeration, its witnesses against the loss itself."""

import itertools
import math
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from torch import Tensor
from torch.nn.functional import normalize

from ncbook.batching import (
    BatchBinding,
    Fixed,
    InteractionGraph,
    Reshuffled,
    colouring,
    interaction_graph,
)
from ncbook.supcon import supcon_loss
from tests import oracles

Batches = list[list[int]]
TAU = 0.5
some_examples = settings(deadline=None, max_examples=100)

# A class that is forced at d = k though the batches tie its samples in two lots.
FORCED = [[0, 1], [0, 2, 4, 5], [1, 3, 4, 5]], [0, 0, 0, 0, 1, 1]
# Three samples of class 0 that are all orthogonal to class 1 and asked for equal inner products.
LOOSE = [[0, 3, 4], [1, 3, 4], [2, 3, 4], [0, 1, 2]], [0, 0, 0, 1, 1]


# --- oracles --------------------------------------------------------------------------------------


def held(batch: Sequence[int], labels: Sequence[int]) -> dict[int, list[int]]:
    """The samples that a batch holds of each class."""
    shares: dict[int, list[int]] = {}
    for i in batch:
        shares.setdefault(labels[i], []).append(i)
    return shares


def oracle_components(batches: Batches, labels: Sequence[int]) -> tuple[list[int], list[int]]:
    """The component of each sample (named by its first), and the loose batches; all by loops."""
    root = list(range(len(labels)))

    def tie(samples: Sequence[int]) -> None:
        for i in samples:
            one, other = sorted((root[i], root[samples[0]]))
            root[:] = [one if r == other else r for r in root]

    single = [b for b, batch in enumerate(batches) if len(held(batch, labels)) == 1]
    for b, batch in enumerate(batches):
        if b not in single:
            for samples in held(batch, labels).values():
                tie(samples)
    for _ in single:  # each pass closes one more at least, if any can be closed
        for b in single:
            if len(batches[b]) >= 3 and len({root[i] for i in batches[b]}) < len(batches[b]):
                tie(batches[b])
    loose = [
        b
        for b in single
        if len(batches[b]) >= 3 and len({root[i] for i in batches[b]}) == len(batches[b])
    ]
    return root, loose


def active_samples(batches: Batches, labels: Sequence[int]) -> set[tuple[int, int]]:
    """Pairs of samples of two classes that share a batch with two samples or more of one."""
    pairs = set()
    for batch in batches:
        shares = held(batch, labels)
        for i, j in itertools.permutations(batch, 2):
            if labels[i] != labels[j] and len(shares[labels[i]]) + len(shares[labels[j]]) > 2:
                pairs.add((i, j))
    return pairs


def oracle_unique(batches: Batches, labels: Sequence[int], dim: int) -> bool:
    """Whether all minimisers have the Gram matrix of an orthogonal frame, from their supports.

    The minimisers with given supports are all positive unit vectors on them, if supports of active
    pairs are disjoint. All of these have the frame's Gram matrix if and only if samples of two
    classes have disjoint supports, and the components of a class the same support of one
    coordinate: on two coordinates, two components could be moved apart.
    """
    root, _ = oracle_components(batches, labels)
    vertices = sorted(set(root))
    pushed = {(root[i], root[j]) for i, j in active_samples(batches, labels)}
    choices = [
        set(support)
        for size in range(1, dim + 1)
        for support in itertools.combinations(range(dim), size)
    ]

    def supports(chosen: list[set[int]]) -> Iterator[list[set[int]]]:
        if len(chosen) == len(vertices):
            yield chosen
            return
        before = [
            s
            for v, s in zip(vertices, chosen, strict=False)
            if (v, vertices[len(chosen)]) in pushed
        ]
        for support in choices:
            if not any(support & other for other in before):
                yield from supports([*chosen, support])

    def is_frame(chosen: list[set[int]]) -> bool:
        for (v, s), (w, t) in itertools.combinations(zip(vertices, chosen, strict=True), 2):
            if labels[v] != labels[w] and s & t:
                return False
            if labels[v] == labels[w] and not (s == t and len(s) == 1):
                return False
        return True

    return all(is_frame(chosen) for chosen in supports([]))


def gap(h: Tensor, batches: Batches, labels: Sequence[int]) -> float:
    """The plan's loss, by loops, less the sum of each batch's own bound."""
    total = 0.0
    for batch in batches:
        counts = [len(samples) for samples in held(batch, labels).values()]
        anchors = sum(n for n in counts if n >= 2)
        if anchors:
            y = torch.tensor([labels[i] for i in batch])
            total += float(oracles.supcon_loss(h[batch], y, TAU)) * anchors
            total -= sum(
                n * math.log(n - 1 + (len(batch) - n) * math.exp(-1 / TAU)) for n in counts if n > 1
            )
    return total


def assert_second_minimiser(h: Tensor, batches: Batches, labels: Sequence[int], dim: int) -> None:
    assert h.shape == (len(labels), dim)
    assert h.dtype == torch.float64
    assert (h >= 0).all()
    torch.testing.assert_close(h.norm(dim=1), torch.ones(len(h), dtype=torch.float64))
    assert abs(gap(h, batches, labels)) < 1e-10
    y = torch.tensor(labels)
    assert (h @ h.T - (y[:, None] == y).double()).abs().max() > 0.1


def random_plan(seed: int) -> tuple[Batches, list[int]]:
    """A few batches over a few samples, with each class in at least one of them."""
    rng = np.random.default_rng(seed)
    k = int(rng.integers(2, 4))
    n = int(rng.integers(k, 8))
    labels = rng.permutation([*range(k), *rng.integers(0, k, n - k)])
    batches = [
        rng.choice(n, rng.integers(1, min(n, 5) + 1), replace=False).tolist()
        for _ in range(rng.integers(1, 6))
    ]
    firsts = [int(np.flatnonzero(labels == c)[0]) for c in range(k)]
    absent = [i for i in firsts if labels[i] not in labels[np.concatenate(batches)]]
    return [*batches, *([absent] if absent else [])], labels.tolist()


# --- the verdict and its witness, against enumeration ---------------------------------------------


def test_random_plans_against_enumeration_of_supports() -> None:
    """The graph, and at d = k, k + 1 and k + 2 verdict and witness, of 1,200 random plans.

    The enumeration leaves loose batches out, as the verdict does; the witness may not.
    """
    seen: dict[str, int] = {}
    for seed in range(1200):
        batches, labels = random_plan(seed)
        graph, k = interaction_graph(batches, labels), len(set(labels))
        check_structure(graph, batches, labels)
        loose = oracle_components(batches, labels)[1]
        verdicts = [oracle_unique(batches, labels, dim) for dim in (k, k + 1, k + 2)]
        for dim, unique in zip((k, k + 1, k + 2), verdicts, strict=True):
            assert graph.is_unique(dim) is unique, seed
            witness = graph.witness(dim)
            assert not unique or witness is None
            if witness is not None:
                assert_second_minimiser(witness, batches, labels, dim)
            else:
                assert unique or loose, seed
        assert (graph.violations() == []) is verdicts[1]
        kind = f"{verdicts[0]:d}{verdicts[1]:d}{' loose' if loose else ''}"
        seen[kind] = seen.get(kind, 0) + 1
    assert seen.keys() == {"11", "10", "00", "00 loose"}
    assert min(seen.values()) >= 10, seen


def check_structure(graph: InteractionGraph, batches: Batches, labels: list[int]) -> None:
    root, loose = oracle_components(batches, labels)
    names = sorted(set(root))  # the first samples, by which components are numbered
    active = active_samples(batches, labels)
    meeting = {(i, j) for b in batches for i in b for j in b if labels[i] != labels[j]}
    assert graph.exact is (not loose)
    assert graph.classes.tolist() == sorted(set(labels))
    assert graph.components.tolist() == [names.index(r) for r in root]
    assert graph.component_classes.tolist() == [labels[v] for v in names]
    pairs = {(labels[i], labels[j]) for i, j in active}
    assert {tuple(p) for p in graph.class_pairs.nonzero().tolist()} == pairs

    def edges(of: set[tuple[int, int]]) -> set[tuple[int, ...]]:
        return {tuple(sorted(names.index(root[i]) for i in pair)) for pair in of}

    found, idle = graph.active_edges.tolist(), graph.inactive_edges.tolist()
    assert {tuple(e) for e in found} == edges(active)
    assert {tuple(e) for e in idle} == edges(meeting) - edges(active)
    assert all(a < b for a, b in found + idle)


# --- the theory's examples ------------------------------------------------------------------------


def test_one_batch_of_everything_is_unique() -> None:
    graph = interaction_graph([[0, 1, 2, 3]], [0, 0, 1, 1])
    assert graph.is_unique(2)
    assert graph.is_unique(7)
    assert graph.witness(2) is None
    assert graph.violations() == []
    assert repr(graph) == "InteractionGraph(4 samples, 2 classes, 2 components)"


def test_a_split_class_is_forced_with_as_many_dimensions_as_classes_and_no_more() -> None:
    graph = interaction_graph(*FORCED)
    assert graph.components.tolist() == [0, 1, 0, 1, 2, 2]
    assert graph.is_unique(2)
    assert graph.witness(2) is None
    assert not graph.is_unique(3)
    assert_second_minimiser(graph.witness(3), *FORCED, 3)
    assert graph.violations() == [
        "class 0 falls into 2 components: no chain of batches ties sample 1 to sample 0",
        "batch 0 is the first of 1 that hold a single class: of two samples its loss is constant, "
        "of more it asks for equal inner products only",
    ]


def test_a_single_class_pair_leaves_its_cosine_free() -> None:
    """Any cosine from 0 to 1 between a1 and a2 has gap 0 where they share only such a batch."""
    for angle in (0.0, 0.4, math.pi / 2):
        split = torch.tensor([math.cos(angle), 0.0, math.sin(angle)], dtype=torch.float64)
        a, b = torch.eye(3, dtype=torch.float64)[:2]
        assert abs(gap(torch.stack([a, split, a, split, b, b]), *FORCED)) < 1e-12


def test_classes_that_meet_only_as_single_samples_are_not_pushed_apart() -> None:
    labels = [7, 7, -3, -3, 5, 5]
    batches = [[0, 1, 4, 5], [2, 3, 4, 5], [0, 2, 4, 5]]
    graph = interaction_graph(batches, labels)
    assert graph.inactive_edges.tolist() == [[0, 1]]
    assert graph.class_pairs.tolist() == [
        [False, True, False],
        [True, False, True],
        [False, True, False],
    ]
    for dim in (3, 4, 9):
        assert not graph.is_unique(dim)
        assert_second_minimiser(graph.witness(dim), batches, labels, dim)
    assert graph.violations() == [
        "classes -3 and 7 share batches only as single samples, where neither is an anchor"
    ]
    assert interaction_graph([*batches, [0, 2, 3]], labels).is_unique(4)


def test_violations_name_what_never_meets_and_what_is_never_seen() -> None:
    batches, labels = [[0, 1, 2, 3], [4, 5, 2, 3]], [0, 0, 1, 1, 2, 2, 1]
    assert interaction_graph(batches, labels).violations() == [
        "class 1 falls into 2 components: no chain of batches ties sample 6 to sample 2",
        "classes 0 and 2 never share a batch",
        "sample 6 is the first of 1 in no batch",
    ]


# --- batches of a single class --------------------------------------------------------------------


def minimise(batches: Batches, labels: Sequence[int], dim: int, seed: int) -> Tensor:
    """Features of least loss that a quasi-Newton method finds from a random start."""
    generator = torch.Generator().manual_seed(seed)
    roots = torch.randn(len(labels), dim, generator=generator, dtype=torch.float64).requires_grad_()
    optimiser = torch.optim.LBFGS(
        [roots],
        max_iter=150,
        tolerance_grad=1e-12,
        tolerance_change=0,
        line_search_fn="strong_wolfe",
    )
    y = torch.tensor(labels)

    def loss() -> Tensor:
        optimiser.zero_grad()
        h = normalize(roots**2)
        value = torch.stack([len(b) * supcon_loss(h[b], y[b], TAU) for b in batches]).sum()
        value.backward()
        return value

    optimiser.step(loss)
    return normalize(roots.detach() ** 2)


def test_three_of_a_class_alone_ask_for_equal_inner_products() -> None:
    """Jensen's case of equality, which all that is said about such batches rests on."""
    labels = [0, 0, 0, 0]
    rng = np.random.default_rng(0)
    for _ in range(50):
        h = normalize(torch.from_numpy(rng.random((4, 5))))
        assert gap(h, [[0, 1, 2, 3]], labels) > 1e-6
        shared = torch.full((4, 1), rng.random(), dtype=torch.float64)
        equal = normalize(torch.cat([shared, torch.eye(4, dtype=torch.float64)], dim=1))
        assert abs(gap(equal, [[0, 1, 2, 3]], labels)) < 1e-12


def test_a_tied_pair_in_a_single_class_batch_draws_in_the_others() -> None:
    """And what they draw in then closes the next batch; minimising finds the same."""
    labels = [0, 0, 0, 0, 1, 1]
    batches = [[1, 2, 3], [0, 1, 2], [0, 1, 4, 5]]
    graph = interaction_graph(batches, labels)
    assert graph.components.tolist() == [0, 0, 0, 0, 1, 1]
    assert graph.exact
    assert graph.is_unique(3)
    h = minimise(batches, labels, 3, seed=1)
    assert gap(h, batches, labels) < 1e-8
    y = torch.tensor(labels)
    # A pull through equal inner products only is of fourth order in the angle, and slow.
    torch.testing.assert_close(h @ h.T, (y[:, None] == y).double(), atol=0.03, rtol=0)


def test_loose_batches_are_kept_by_every_witness_and_said_to_be_left_out() -> None:
    graph = interaction_graph(*LOOSE)
    assert not graph.exact
    assert graph.is_unique(2)
    # In three dimensions two are left for class 0, too few for three vectors ≥ 0 with equal inner
    # products other than 1: unique, but the graph can't tell.
    assert not graph.is_unique(3)
    assert graph.witness(3) is None
    assert "the first is batch 3: the graph leaves them out" in graph.violations()[-1]
    assert_second_minimiser(graph.witness(4), *LOOSE, 4)


def test_a_witness_keeps_the_samples_of_a_loose_batch_together_if_it_can() -> None:
    batches, labels = [*LOOSE[0], [5, 3, 4]], [*LOOSE[1], 0]
    graph = interaction_graph(batches, labels)
    assert not graph.exact
    assert_second_minimiser(graph.witness(3), batches, labels, 3)


def test_minimising_agrees_that_a_loose_batch_can_force_a_class() -> None:
    for seed in range(2):
        h = minimise(*LOOSE, 3, seed)
        assert gap(h, *LOOSE) < 1e-8
        assert (h[:3] @ h[:3].T).min() > 0.99


# --- binding --------------------------------------------------------------------------------------


@some_examples
@given(
    counts=st.lists(st.integers(2, 6), min_size=2, max_size=5),
    size=st.integers(2, 9),
    seed=st.integers(0, 999),
    extra=st.integers(0, 2),
)
def test_binding_one_of_each_class_makes_any_partition_unique(
    counts: list[int], size: int, seed: int, extra: int
) -> None:
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    graph = interaction_graph(BatchBinding(Reshuffled(labels, size, seed), labels), labels)
    assert graph.violations() == []
    assert graph.is_unique(len(counts) + extra)


def test_binding_too_few_classes_can_fail() -> None:
    """With two of four classes bound, the samples of the others stay apart from batch to batch."""
    labels = [0, 1, 2, 3] * 4
    lots = [range(4 * i, 4 * i + 4) for i in range(4)]
    assert interaction_graph([sorted({*lot, 0, 1, 2, 3}) for lot in lots], labels).is_unique(4)
    partial = [sorted({*lot, 0, 1}) for lot in lots]
    graph = interaction_graph(partial, labels)
    for dim in (4, 5):
        assert not graph.is_unique(dim)
        assert_second_minimiser(graph.witness(dim), partial, labels, dim)


def test_binding_can_fail_for_classes_of_one_sample() -> None:
    labels = [0, 1, 2, 2]
    batches = list(BatchBinding(Fixed(labels, 2), labels))
    assert not interaction_graph(batches, labels).is_unique(3)


# --- only one colouring ---------------------------------------------------------------------------


def colourings(adjacency: np.ndarray, k: int) -> Iterator[list[int]]:
    """All proper colourings with at most k colours, each in the order of first use, by force."""

    def extend(chosen: list[int]) -> Iterator[list[int]]:
        if len(chosen) == len(adjacency):
            yield chosen
            return
        for colour in range(min(k, max(chosen, default=-1) + 2)):
            if all(c != colour or not adjacency[len(chosen), v] for v, c in enumerate(chosen)):
                yield from extend([*chosen, colour])

    return extend([])


def planted(rng: np.random.Generator, k: int, size: int, density: float) -> np.ndarray:
    """A graph on k colours of ``size`` vertices: a path through each two of them, and chance."""
    colours = np.repeat(np.arange(k), size)
    adjacency = (rng.random((k * size, k * size)) < density) & (colours[:, None] != colours)
    for a, b in itertools.combinations(range(k), 2):
        path = np.stack([a * size + rng.permutation(size), b * size + rng.permutation(size)], 1)
        adjacency[path.ravel()[:-1], path.ravel()[1:]] = True
    return adjacency | adjacency.T


@pytest.mark.parametrize("left_out", ["nothing", "swaps", "swaps and cliques"])
def test_a_second_colouring_is_found_if_there_is_one(
    left_out: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each step only saves work: without it the search decides the same."""
    if "swaps" in left_out:
        monkeypatch.setattr(colouring, "_moved", lambda *_: None)
        monkeypatch.setattr(colouring, "_swapped", lambda *_: None)
    if "cliques" in left_out:
        monkeypatch.setattr(colouring, "_clique", lambda _: np.array([0]))
    rng, verdicts = np.random.default_rng(0), []
    for _ in range(150):
        k, size = [(2, 4), (3, 3), (4, 2), (4, 3), (5, 2)][rng.integers(5)]
        graph = planted(rng, k, size, density=rng.choice([0, 0.1, 0.3]))
        drop = rng.random(graph.shape) < rng.choice([0, 0, 0.1])
        graph &= ~(drop | drop.T)
        own = np.repeat(np.arange(k), size)
        found = colouring.second_colouring(csr_array(graph), own)
        count = len(list(itertools.islice(colourings(graph, k), 2)))
        assert (found is None) is (count == 1)
        verdicts.append(found is None)
        if found is not None:
            assert 0 <= found.min() <= found.max() < k
            assert not graph[found[:, None] == found].any()
            assert len(set(zip(found, own, strict=True))) > k
    assert 20 < sum(verdicts) < 130


def test_colours_without_a_name_yet_tie_parts_that_no_edge_joins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two edges, both joined to a vertex: each alone is unique up to names, the two are not."""
    monkeypatch.setattr(colouring, "_moved", lambda *_: None)
    monkeypatch.setattr(colouring, "_swapped", lambda *_: None)
    monkeypatch.setattr(colouring, "_clique", lambda _: np.array([0]))
    graph = np.zeros((5, 5), dtype=bool)
    graph[0, 1:] = graph[1, 2] = graph[3, 4] = True
    found = colouring.second_colouring(csr_array(graph | graph.T), np.array([0, 1, 2, 1, 2]))
    assert found is not None
    assert found[[0, 1, 4]].tolist() == found[[0, 1, 1]].tolist()


def as_plan(adjacency: np.ndarray, own: np.ndarray) -> tuple[Batches, list[int]]:
    """A batch plan with this conflict graph: two samples a vertex, a batch an edge."""
    edges = np.argwhere(np.triu(adjacency)).tolist()
    return [[2 * u, 2 * u + 1, 2 * v, 2 * v + 1] for u, v in edges], np.repeat(own, 2).tolist()


def test_too_large_a_search_is_refused_and_more_dimensions_are_not() -> None:
    adjacency = planted(np.random.default_rng(0), 4, 40, density=0)
    graph = interaction_graph(*as_plan(adjacency, np.repeat(np.arange(4), 40)))
    message = r"^dim: .* exhaustive search over \d+ undecided components, more than the 50"
    with pytest.raises(ValueError, match=message):
        graph.is_unique(4)
    with pytest.raises(ValueError, match=message):
        graph.witness(4)
    assert not graph.is_unique(5)


def test_size_alone_is_no_reason_to_refuse() -> None:
    """Cheap steps decide: all but one class bound, so that a clique forces the rest; or none."""
    labels = np.arange(4000) % 4
    lots = np.arange(4000).reshape(-1, 8)
    forced = interaction_graph(
        [[*lot, *{0, 1, 2}.difference(lot)] for lot in lots.tolist()], labels
    )
    assert len(forced.component_classes) == 3 + 500
    assert forced.is_unique(4)
    assert not forced.is_unique(5)
    free = interaction_graph(lots, labels)
    assert len(free.component_classes) == 2000
    assert not free.is_unique(4)


# --- input ----------------------------------------------------------------------------------------


def test_batches_come_in_any_form() -> None:
    labels = torch.arange(30) % 3
    sampler = Reshuffled(labels, 7)
    expected = interaction_graph(list(sampler), labels.tolist()).components
    forms: list[object] = [
        sampler,
        sampler.batches(),
        [np.array(batch, dtype=np.uint8) for batch in sampler],
        (tuple(batch) for batch in sampler),
    ]
    for batches in forms:
        assert torch.equal(interaction_graph(batches, labels.numpy()).components, expected)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("batches", "labels", "message"),
    [
        ([], [0, 1], "batches: empty"),
        ([[0, 1], []], [0, 1], r"batches\[1\]: empty"),
        ([[0, 1], [0, 2]], [0, 1], r"batches\[1\]: index 2 is out of range for 2 labels"),
        ([[-1, 1]], [0, 1], r"batches\[0\]: index -1 is out of range"),
        ([[0, 1], [1, 0, 1]], [0, 1], r"batches\[1\]: index 1 is there twice"),
        ([[0, 1.5]], [0, 1], r"batches\[0\]: expected an integer dtype, got float64"),
        ([[[0, 1]]], [0, 1], r"batches\[0\]: expected 1 dimension"),
        ([[0, 1]], [4, 4, 9], "batches: class 9 is in none of them"),
        ([[0, 1]], [], "labels: empty"),
        ([[0, 1]], [0.5, 1.5], "labels: expected an integer dtype"),
        ([[0, 1]], [3, 3], "labels: expected at least 2 classes, got only 3"),
    ],
)
def test_bad_plans_are_named(batches: Batches, labels: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        interaction_graph(batches, labels)


@pytest.mark.parametrize("ask", [InteractionGraph.is_unique, InteractionGraph.witness])
def test_too_few_dimensions_are_refused(ask: Callable[[InteractionGraph, int], object]) -> None:
    with pytest.raises(ValueError, match=r"^dim: 2 classes need at least 2, got 1"):
        ask(interaction_graph([[0, 1, 2, 3]], [0, 0, 1, 1]), 1)


def test_a_hundred_thousand_samples_take_no_time_to_speak_of() -> None:
    labels = torch.randint(100, (100_000,), generator=torch.Generator().manual_seed(0))
    plan = BatchBinding(Reshuffled(labels, 100), labels)
    batches, begun = list(plan), time.process_time()
    assert interaction_graph(batches, labels).is_unique(101)
    assert not interaction_graph(Reshuffled(labels, 100), labels).is_unique(101)
    assert time.process_time() - begun < 8  # it takes half a second
