"""Pairwise margins against loops, in any batches, and on frames where they are known."""

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from ncbook.geometry import orthogonal_frame, simplex_etf
from ncbook.margins import MarginStatistics, pairwise_margins
from ncbook.margins import pairwise as module

some_examples = settings(deadline=None, max_examples=25)
seeds = st.integers(0, 2**31)
Sample = tuple[Tensor, Tensor, Tensor, Tensor]


def sample(seed: int, n: int = 30, k: int = 4, dim: int = 5) -> Sample:
    """Features, labels with each class present, weight and bias."""
    generator = torch.Generator().manual_seed(seed)
    draw = torch.randn(n + k + 1, dim + k, generator=generator, dtype=torch.float64)
    labels = torch.cat([torch.arange(k), torch.randint(k, (n - k,), generator=generator)])
    return draw[:n, :dim], labels, draw[n : n + k, :dim], draw[-1, dim:]


def by_loops(
    features: Tensor, labels: Tensor, weight: Tensor, bias: Tensor
) -> dict[tuple[int, int], list[float]]:
    margins: dict[tuple[int, int], list[float]] = {}
    for h, i in zip(features, labels.tolist(), strict=True):
        for j in range(len(weight)):
            if j != i:
                margin = float((weight[i] - weight[j]) @ h + bias[i] - bias[j])
                margins.setdefault((i, j), []).append(margin)
    return margins


def fed(parts: list[tuple[Tensor, Tensor]], weight: Tensor, bias: Tensor) -> MarginStatistics:
    statistics = MarginStatistics(weight, bias)
    for features, labels in parts:
        statistics.update(features, labels)
    return statistics


def assert_same(one: MarginStatistics, other: MarginStatistics) -> None:
    assert one.counts.equal(other.counts)
    # Margins are of order 10, where a rounding is 1e-15. Deviations are compared by their squares:
    # near zero the root enlarges what rounding left.
    for name in ("minimum", "mean"):
        torch.testing.assert_close(getattr(one, name), getattr(other, name), rtol=0, atol=1e-12)
    variances = one.spread.square(), other.spread.square()
    torch.testing.assert_close(*variances, rtol=1e-12, atol=1e-12)
    assert one.scale == pytest.approx(other.scale, rel=1e-12)


@some_examples
@given(seed=seeds, k=st.integers(2, 5), dim=st.integers(1, 6))
def test_statistics_agree_with_loops(seed: int, k: int, dim: int) -> None:
    features, labels, weight, bias = sample(seed, k=k, dim=dim)
    statistics = fed([(features, labels)], weight, bias)
    for (i, j), margins in by_loops(features, labels, weight, bias).items():
        values = torch.tensor(margins, dtype=torch.float64)
        assert statistics.minimum[i, j].item() == pytest.approx(min(margins), abs=1e-12)
        assert statistics.mean[i, j].item() == pytest.approx(values.mean().item(), abs=1e-12)
        spread = values.std(correction=0).item()
        assert statistics.spread[i, j].item() == pytest.approx(spread, abs=1e-12)
    assert statistics.minimum.equal(pairwise_margins(features, labels, weight, bias))
    norms = sum(math.sqrt(sum(x * x for x in row)) for row in features.tolist()) / len(features)
    size = math.sqrt(sum(x * x for x in weight.flatten().tolist()))
    assert statistics.scale == pytest.approx(size * norms, rel=1e-12)
    assert statistics.counts.tolist() == labels.bincount(minlength=k).tolist()
    for matrix in (statistics.minimum, statistics.mean, statistics.spread):
        assert matrix.dtype == torch.float64
        assert matrix.diagonal().isinf().all()


@some_examples
@given(seed=seeds, cuts=st.lists(st.integers(0, 30), max_size=4))
def test_batches_and_merging_change_nothing(seed: int, cuts: list[int]) -> None:
    features, labels, weight, bias = sample(seed)
    edges = [0, *sorted(cuts), len(features)]
    parts = [(features[a:b], labels[a:b]) for a, b in pairwise(edges) if b > a]
    whole = fed([(features, labels)], weight, bias)
    assert_same(fed(parts, weight, bias), whole)
    merged = MarginStatistics(weight, bias)
    for part in reversed(parts):
        merged.merge(fed([part], weight, bias))
    assert_same(merged, whole)


def test_many_small_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    features, labels, weight, bias = sample(0)
    whole = fed([(features, labels)], weight, bias)
    monkeypatch.setattr(module, "_CHUNK_ENTRIES", 20)
    assert_same(fed([(features, labels)], weight, bias), whole)


def test_a_common_offset_costs_no_digits() -> None:
    features, labels, weight, bias = sample(1)
    spread = fed([(features, labels)], weight, bias).spread
    far = features + 1e6  # margins are of that order and exact to 1e-9
    one_by_one = [(far[i : i + 1], labels[i : i + 1]) for i in range(len(far))]
    for parts in ([(far, labels)], one_by_one):
        found = fed(parts, weight, bias).spread
        torch.testing.assert_close(found, spread, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("k", [2, 3, 10])
def test_frames_have_the_margins_known_by_hand(k: int) -> None:
    labels = torch.arange(k)
    off = ~torch.eye(k, dtype=torch.bool)
    for frame, margin in ((simplex_etf(k, k), k / (k - 1)), (orthogonal_frame(k, k), 1.0)):
        statistics = MarginStatistics(frame)
        statistics.update(frame, labels)
        torch.testing.assert_close(
            statistics.minimum[off], torch.full((k * (k - 1),), margin, dtype=torch.float64)
        )
        normalised = statistics.normalised(statistics.minimum)[off]
        assert normalised.mean().item() == pytest.approx(margin / math.sqrt(k), rel=1e-12)


def test_nearest_mean_margins_of_the_frames_differ_by_a_known_factor() -> None:
    """At unit feature norm, in units of distance to the decision plane between two means."""
    k, labels = 10, torch.arange(10)
    distances = []
    for frame in (orthogonal_frame(k, k), simplex_etf(k, k)):
        weight, bias = frame, -frame.square().sum(1) / 2  # nearest mean as a linear classifier
        margin = pairwise_margins(frame, labels, weight, bias)[0, 1]
        distances.append(float(margin / (frame[0] - frame[1]).norm()))
    assert distances[0] / distances[1] == pytest.approx(math.sqrt((k - 1) / k), rel=1e-12)


@some_examples
@given(seed=seeds, scale=st.floats(1e-3, 1e3))
def test_only_normalised_margins_ignore_scale(seed: int, scale: float) -> None:
    features, labels, weight, _ = sample(seed)
    one, other = MarginStatistics(weight), MarginStatistics(scale * weight)
    one.update(features, labels)
    other.update(features / 7, labels)
    torch.testing.assert_close(other.minimum, one.minimum * scale / 7)
    torch.testing.assert_close(other.normalised(other.mean), one.normalised(one.mean))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_low_precision_is_measured_in_float64(dtype: torch.dtype) -> None:
    features, labels, weight, bias = (
        part.to(dtype).requires_grad_() if part.is_floating_point() else part for part in sample(2)
    )
    expected = pairwise_margins(
        features.detach().double(), labels, weight.detach().double(), bias.detach().double()
    )
    measured = pairwise_margins(features, labels.int(), weight, bias)
    assert measured.equal(expected)
    assert not measured.requires_grad


def test_the_classifier_is_copied() -> None:
    features, labels, weight, bias = sample(3)
    expected = pairwise_margins(features, labels, weight, bias)
    statistics = MarginStatistics(weight, bias)
    weight.zero_(), bias.zero_()
    statistics.update(features, labels)
    assert statistics.minimum.equal(expected)


NAN = float("nan")
X, Y, W = torch.ones(4, 2), torch.tensor([0, 1, 0, 1]), torch.eye(2)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((torch.ones(4), Y, W), "features: expected 2 dimensions"),
        ((torch.ones(4, 3), Y, W), "features: expected dim 2, got 3"),
        ((torch.full((4, 2), NAN), Y, W), "features: row 0 holds NaN or infinity"),
        ((torch.ones(0, 2), Y[:0], W), "features: empty"),
        ((X, Y[:3], W), "labels: got 3 labels for 4 rows"),
        ((X, Y.double(), W), "labels: expected an integer dtype"),
        ((X, Y + 1, W), "labels: expected 0 to 1, got 2"),
        ((X, Y - 1, W), "labels: expected 0 to 1, got -1"),
        ((X, torch.zeros_like(Y), W), "labels: no sample of class 1 of 0 to 1"),
        ((X, Y, W[:1]), "weight: a margin is between 2 classes, got 1 row"),
        ((X, Y, torch.eye(2).long()), "weight: expected a floating-point dtype"),
        ((X, Y, W, torch.zeros(3)), r"bias: expected shape \(2,\), got \(3,\)"),
        ((X, Y, W, 0.5), r"bias: expected shape \(2,\), got float"),
        ((X, Y, W, torch.zeros(2, dtype=torch.int64)), "bias: expected a floating-point dtype"),
        ((X, Y, W, torch.tensor([0, NAN])), "bias: row 1 holds NaN or infinity"),
    ],
)
def test_bad_input_is_named(arguments: tuple[Tensor, ...], complaint: str) -> None:
    with pytest.raises(ValueError, match=f"^{complaint}"):
        pairwise_margins(*arguments)


def test_a_refused_batch_leaves_the_statistics_as_they_were() -> None:
    features, labels, weight, bias = sample(4)
    statistics = fed([(features, labels)], weight, bias)
    before = statistics.minimum
    with pytest.raises(ValueError, match="labels: expected 0 to 3, got 4"):
        statistics.update(features * 9, labels + 1)
    assert statistics.minimum.equal(before)
    assert int(statistics.counts.sum()) == len(features)


def test_statistics_ask_for_what_they_need() -> None:
    statistics = MarginStatistics(torch.zeros(2, 2))
    for read in ("minimum", "mean", "spread", "scale"):
        with pytest.raises(ValueError, match="labels: no sample of class 0 of 0 to 1"):
            getattr(statistics, read)
    statistics.update(X, Y)
    with pytest.raises(ValueError, match="weight: zero throughout"):
        statistics.normalised(statistics.minimum)
    with pytest.raises(ValueError, match="other: has another weight or bias"):
        statistics.merge(MarginStatistics(torch.ones(2, 2)))
    with pytest.raises(ValueError, match="other: has another weight or bias"):
        statistics.merge(MarginStatistics(torch.zeros(3, 2)))
    blank = MarginStatistics(torch.ones(2, 2))
    blank.update(torch.zeros(4, 2), Y)
    with pytest.raises(ValueError, match="features: zero throughout"):
        blank.normalised(blank.minimum)
