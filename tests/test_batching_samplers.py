"""What the samplers promise: exact partitions, determinism, resuming, sharding, binding."""

import math
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader, TensorDataset

from ncbook.batching import BatchBinding, BatchPlan, ClassBalanced, Fixed, Reshuffled, Sharded

some_examples = settings(deadline=None, max_examples=60)
label_lists = st.lists(st.integers(-2, 4), min_size=1, max_size=40)
sizes = st.integers(2, 12)
seeds = st.integers(0, 2**31)
LABELS = [0, 1, 2, 0, 1, 2, 0, 0, 0, 1, 0, 2, 0]

PLANS: dict[str, Callable[[Sequence[int], int], BatchPlan]] = {
    "fixed": lambda labels, seed: Fixed(labels, 4, seed),
    "reshuffled": lambda labels, seed: Reshuffled(labels, 4, seed),
    "balanced": lambda labels, seed: ClassBalanced(labels, 3, seed),
    "bound": lambda labels, seed: BatchBinding(Reshuffled(labels, 4, seed), labels, 2),
    "twice bound": lambda labels, seed: BatchBinding(
        BatchBinding(ClassBalanced(labels, 2, seed), labels), labels, 3
    ),
}
each_plan = pytest.mark.parametrize("kind", PLANS)


# --- partitions -----------------------------------------------------------------------------------


@some_examples
@given(labels=label_lists, size=sizes, seed=seeds, epoch=st.integers(0, 50))
def test_a_partition_holds_every_sample_once_in_even_batches(
    labels: list[int], size: int, seed: int, epoch: int
) -> None:
    for sampler in (Fixed(labels, size, seed), Reshuffled(labels, size, seed)):
        sampler.set_epoch(epoch)
        batches = list(sampler)
        assert sorted(i for batch in batches for i in batch) == list(range(len(labels)))
        assert len(sampler) == len(batches) == math.ceil(len(labels) / size)
        lengths = [len(batch) for batch in batches]
        assert max(lengths) <= size
        assert max(lengths) - min(lengths) <= 1


@some_examples
@given(n=st.integers(1, 60), size=sizes, seed=st.integers(0, 9), epoch=st.integers(0, 9))
def test_the_order_is_that_of_seed_and_epoch(n: int, size: int, seed: int, epoch: int) -> None:
    """The formula is a promise: trained runs depend on it bit for bit."""
    for kind, drawn in ((Reshuffled, epoch), (Fixed, 0)):
        sampler = kind([0] * n, size, seed)
        sampler.set_epoch(epoch)
        generator = torch.Generator().manual_seed(seed * 1_000_003 + drawn)
        expected = torch.randperm(n, generator=generator).tensor_split(math.ceil(n / size))
        assert list(sampler) == [rows.tolist() for rows in expected]


def test_only_reshuffled_changes_with_the_epoch() -> None:
    for kind, changes in ((Fixed, False), (Reshuffled, True), (ClassBalanced, True)):
        sampler = kind(LABELS, 3)
        first = list(sampler)
        sampler.set_epoch(1)
        assert (list(sampler) != first) is changes


# --- class-balanced -------------------------------------------------------------------------------


@some_examples
@given(labels=label_lists, m=st.integers(1, 7), seed=seeds, epoch=st.integers(0, 9))
def test_balanced_batches_hold_m_of_each_class_as_evenly_as_can_be(
    labels: list[int], m: int, seed: int, epoch: int
) -> None:
    sampler = ClassBalanced(labels, m, seed)
    sampler.set_epoch(epoch)
    batches = list(sampler)
    counts = Counter(labels)
    assert len(batches) == len(sampler) == math.ceil(max(counts.values()) / m)
    for batch in batches:
        assert len(set(batch)) == len(batch)
        held = [labels[i] for i in batch]
        assert Counter(held) == {c: min(m, counts[c]) for c in counts}
        assert held == sorted(held)
    seen = Counter(i for batch in batches for i in batch)
    for c, count in counts.items():
        times = [seen[i] for i, label in enumerate(labels) if label == c]
        assert max(times) - min(times) <= 1
        assert count < max(counts.values()) or min(times) >= 1


def test_a_repeated_class_meets_itself_in_other_groups() -> None:
    """Else half of a class of 2m samples would never share a batch with the other half."""
    labels = [0] * 400 + [1] * 4
    groups = {tuple(sorted(batch[2:])) for batch in ClassBalanced(labels, 2)}
    assert len(groups) == 6  # all pairs of the four


# --- binding --------------------------------------------------------------------------------------


@some_examples
@given(labels=label_lists, size=sizes, seed=seeds, bound=st.integers(0, 4))
def test_binding_appends_the_first_of_each_class_once(
    labels: list[int], size: int, seed: int, bound: int
) -> None:
    inner = Reshuffled(labels, size, seed)
    sampler = BatchBinding(Reshuffled(labels, size, seed), labels, bound)
    inner.set_epoch(3)
    sampler.set_epoch(3)
    firsts = [
        i
        for c in sorted(set(labels))
        for i in [i for i, label in enumerate(labels) if label == c][:bound]
    ]
    expected = [batch + [i for i in firsts if i not in batch] for batch in inner]
    assert list(sampler) == expected
    assert len(sampler) == len(expected)


def test_a_binding_begins_where_its_sampler_stands() -> None:
    inner = Reshuffled(LABELS, 4)
    inner.set_epoch(2, start=1)
    sampler = BatchBinding(inner, LABELS, 0)
    assert list(sampler) == list(inner)
    assert len(sampler) == len(inner) == 3


# --- determinism and resuming ---------------------------------------------------------------------


@each_plan
@some_examples
@given(labels=label_lists, seed=seeds, epoch=st.integers(0, 9), done=st.integers(0, 40))
def test_resuming_gives_the_rest(
    kind: str, labels: list[int], seed: int, epoch: int, done: int
) -> None:
    plan = PLANS[kind](labels, seed)
    plan.set_epoch(epoch)
    whole = list(plan)
    assert list(plan) == whole
    done = min(done, len(whole))
    resumed = PLANS[kind](labels, seed)
    resumed.set_epoch(epoch, start=done)
    assert list(resumed) == whole[done:]
    assert len(resumed) == len(whole) - done
    resumed.set_epoch(epoch)
    assert list(resumed) == whole


@each_plan
def test_the_global_generator_is_neither_read_nor_advanced(kind: str) -> None:
    torch.manual_seed(1)
    first, state = list(PLANS[kind](LABELS, 0)), torch.get_rng_state()
    torch.manual_seed(2)
    assert list(PLANS[kind](LABELS, 0)) == first
    torch.manual_seed(1)
    list(PLANS[kind](LABELS, 0))
    assert torch.equal(torch.get_rng_state(), state)


@each_plan
def test_tensors_and_lists_are_the_same_batches(kind: str) -> None:
    plan = PLANS[kind](LABELS, 0)
    plan.set_epoch(1, start=1)
    tensors = list(plan.batches())
    assert all(batch.dtype == torch.int64 for batch in tensors)
    assert [batch.tolist() for batch in tensors] == list(plan)


@pytest.mark.parametrize("make", [torch.tensor, np.array, lambda x: np.array(x, dtype=np.uint8)])
def test_labels_may_be_any_integer_vector(make: Callable[[list[int]], object]) -> None:
    for kind in (Fixed, Reshuffled, ClassBalanced):
        assert list(kind(make(LABELS), 3)) == list(kind(LABELS, 3))


# --- ranks ----------------------------------------------------------------------------------------


@each_plan
@some_examples
@given(world=st.integers(1, 3), seed=seeds, epoch=st.integers(0, 5), start=st.integers(0, 2))
def test_the_ranks_together_hold_the_whole_batch(
    kind: str, world: int, seed: int, epoch: int, start: int
) -> None:
    labels = LABELS * 2
    whole = PLANS[kind](labels, seed)
    whole.set_epoch(epoch, start)
    ranks = [Sharded(PLANS[kind](labels, seed), rank, world) for rank in range(world)]
    for sampler in ranks:
        sampler.set_epoch(epoch, start)
        assert len(sampler) == len(list(sampler)) == len(whole)
    for batch, *shares in zip(whole, *ranks, strict=True):
        assert sorted(i for share in shares for i in share) == sorted(batch)
        lengths = [len(share) for share in shares]
        assert max(lengths) - min(lengths) <= 1


def test_balanced_shares_are_balanced_where_the_ranks_divide_m() -> None:
    labels = [0] * 30 + [1] * 8 + [2] * 4
    for rank in range(2):
        for share in Sharded(ClassBalanced(labels, 4), rank, 2):
            assert Counter(labels[i] for i in share) == {0: 2, 1: 2, 2: 2}


# --- DataLoader -----------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("sharded", [False, True])
def test_a_data_loader_delivers_the_plan(workers: int, sharded: bool) -> None:
    plan = PLANS["bound"](LABELS, 0)
    sampler = Sharded(plan, 1, 2) if sharded else plan
    loader = DataLoader(
        TensorDataset(torch.arange(len(LABELS))),
        batch_sampler=sampler,
        num_workers=workers,
        persistent_workers=workers > 0,
    )
    delivered = []
    for epoch, start in ((0, 0), (1, 2)):
        sampler.set_epoch(epoch, start)
        batches = [rows.tolist() for (rows,) in loader]
        assert batches == list(sampler)
        assert len(loader) == len(batches)
        delivered.append(batches)
    assert len(delivered[1]) == len(delivered[0]) - 2


# --- bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Fixed, Reshuffled, ClassBalanced])
@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([], "labels: empty"),
        (torch.zeros(0, dtype=torch.int64), "labels: empty"),
        ([0.0, 1.0], "labels: expected an integer dtype, got float64"),
        (torch.tensor([True, False]), "labels: expected an integer dtype, got bool"),
        (["a", "b"], "labels: expected an integer dtype"),
        ([[0, 1]], r"labels: expected 1 dimension, got shape \(1, 2\)"),
        (3, r"labels: expected 1 dimension, got shape \(\)"),
    ],
)
def test_bad_labels_are_named(kind: type[BatchPlan], labels: object, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        kind(labels, 2)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Fixed(LABELS, 1), "batch_size: expected 2 or more, got 1"),
        (lambda: Reshuffled(LABELS, 0), "batch_size: expected 2 or more, got 0"),
        (lambda: ClassBalanced(LABELS, 0), "per_class: expected 1 or more, got 0"),
        (lambda: BatchBinding(Fixed(LABELS, 2), LABELS, -1), "per_class: expected 0 or more"),
        (lambda: BatchBinding(Fixed(LABELS, 2), [0, 1]), "labels: got 2 for a sampler of 13"),
        (lambda: BatchBinding(Sharded(Fixed(LABELS, 2), 0, 1), LABELS), "sampler: .* got Sharded"),
        (lambda: Sharded(Sharded(Fixed(LABELS, 2), 0, 1), 0, 1), "sampler: .* got Sharded"),
        (lambda: Sharded(Fixed(LABELS, 2), 0, 0), "world_size: expected 1 or more, got 0"),
        (lambda: Sharded(Fixed(LABELS, 2), 2, 2), "rank: expected 0 to 1, got 2"),
        (lambda: Sharded(Fixed(LABELS, 2), -1, 2), "rank: expected 0 to 1, got -1"),
        (lambda: list(Sharded(Fixed(LABELS, 2), 0, 3)), "world_size: 3 ranks can't share"),
        (lambda: Fixed(LABELS, 5).set_epoch(-1), "epoch: expected 0 or more, got -1"),
        (lambda: Fixed(LABELS, 5).set_epoch(0, 4), "start: expected 0 to 3 batches, got 4"),
        (lambda: Fixed(LABELS, 5).set_epoch(0, -1), "start: expected 0 to 3 batches, got -1"),
    ],
)
def test_bad_arguments_are_named(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        call()
