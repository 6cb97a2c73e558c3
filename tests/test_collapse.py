"""Collapse metrics against loop oracles, invariances, streaming and the cases that break others."""

import json
from dataclasses import FrozenInstanceError

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from ncbook import collapse
from ncbook.collapse import (
    ClassStatistics,
    cdnv,
    equiangularity,
    equinorm,
    measure_collapse,
    nc1_variants,
    self_duality,
)
from ncbook.geometry import gram_distance, orthogonal_frame, simplex_etf
from tests import oracles
from tests.allocation import LargestAllocation

some_examples = settings(deadline=None, max_examples=30)
seeds = st.integers(0, 2**31)


def random(seed: int, *shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def sample(seed: int, k: int = 3, dim: int = 4, extra: int = 5) -> tuple[Tensor, Tensor]:
    """Features around k random means, two or more of each class, in random order."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.cat([torch.arange(k).repeat(2), torch.randint(k, (extra,), generator=generator)])
    labels = labels[torch.randperm(len(labels), generator=generator)]
    return random(seed + 1, k, dim)[labels] + 0.3 * random(seed + 2, len(labels), dim), labels


def rotation(seed: int, dim: int) -> Tensor:
    return torch.linalg.qr(random(seed, dim, dim)).Q


def classifier(seed: int, k: int = 3, dim: int = 4) -> tuple[Tensor, Tensor]:
    return random(seed + 3, k, dim), random(seed + 4, k)


def statistics_of(features: Tensor, labels: Tensor) -> ClassStatistics:
    statistics = ClassStatistics(int(labels.max()) + 1, features.shape[1])
    statistics.update(features, labels)
    return statistics


def in_span_noise(lengths: Tensor, variance: float, dim: int) -> tuple[Tensor, Tensor]:
    """Balanced classes: singular values of M̃/√k as given, v_jᵀ Cov_c v_j = variance exactly."""
    r, k = len(lengths), len(lengths) + 1
    directions = torch.linalg.qr(random(0, dim, r)).Q.T  # (r, d)
    orthonormal = simplex_etf(k, r) @ rotation(1, r) * (r / k) ** 0.5  # (k, r)
    means = k**0.5 * orthonormal * lengths @ directions
    offsets = (r * variance) ** 0.5 * torch.cat([directions, -directions])  # (2r, d)
    return (means[:, None] + offsets).flatten(0, 1), torch.arange(k).repeat_interleave(2 * r)


# --- the report -----------------------------------------------------------------------------------


@some_examples
@given(seed=seeds, k=st.integers(2, 5), dim=st.integers(2, 7))
def test_report_agrees_with_loops(seed: int, k: int, dim: int) -> None:
    features, labels = sample(seed, k, dim)
    weight, bias = classifier(seed, k, dim)
    report = measure_collapse(features, labels, weight, bias)
    means = oracles.class_means(features, labels)
    assert report.nc1 == pytest.approx(oracles.nc1(features, labels), rel=1e-6)
    assert report.cdnv == pytest.approx(oracles.cdnv(features, labels), rel=1e-9)
    assert report.equinorm == pytest.approx(oracles.equinorm(means), rel=1e-9, abs=1e-12)
    assert report.equiangularity == pytest.approx(oracles.equiangularity(means), abs=1e-9)
    assert report.etf_distance == pytest.approx(oracles.gram_distance(means, "etf"), abs=1e-9)
    assert report.of_distance == pytest.approx(oracles.gram_distance(means, "of"), abs=1e-9)
    assert report.self_duality == pytest.approx(oracles.self_duality(oracles.array(weight), means))
    expected = oracles.ncc_disagreement(features, labels, weight, bias)
    assert report.ncc_disagreement == pytest.approx(expected)
    assert report.rank == min(k - 1, dim)
    assert not report.normalised


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_low_precision_features_lose_nothing_further(dtype: torch.dtype) -> None:
    features, labels = sample(0)
    features = features.to(dtype).requires_grad_()
    assert measure_collapse(features, labels) == measure_collapse(features.double(), labels)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int32])
def test_any_integer_labels_serve(dtype: torch.dtype) -> None:
    features, labels = sample(0)
    report = measure_collapse(features, labels.to(dtype), *classifier(0))
    assert report == measure_collapse(features, labels, *classifier(0))


@some_examples
@given(seed=seeds, scale=st.floats(1e-4, 1e4))
def test_report_ignores_rotation_scale_sample_and_label_order(seed: int, scale: float) -> None:
    features, labels = sample(seed)
    weight, bias = classifier(seed)
    turn = rotation(seed + 5, 4)
    generator = torch.Generator().manual_seed(seed)
    order, names = (torch.randperm(n, generator=generator) for n in (len(labels), 3))
    renamed = torch.empty(3, dtype=torch.int64)
    renamed[names] = torch.arange(3)  # class names[c] becomes class c
    moved = measure_collapse(
        scale * features[order] @ turn,
        renamed[labels[order]],
        (weight @ turn)[names],
        scale * bias[names],
    )
    expected = measure_collapse(features, labels, weight, bias)
    assert moved.to_dict() == pytest.approx(expected.to_dict(), rel=1e-6, abs=1e-9)


@some_examples
@given(seed=seeds)
def test_only_the_of_distance_depends_on_the_origin(seed: int) -> None:
    features, labels = sample(seed)
    weight, bias = classifier(seed)
    offset = 3 + random(seed + 6, 4)
    expected = measure_collapse(features, labels, weight, bias).to_dict()
    moved = measure_collapse(features + offset, labels, weight, bias - weight @ offset).to_dict()
    assert moved.pop("of_distance") != pytest.approx(expected.pop("of_distance"))
    assert moved == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_without_a_weight_there_is_neither_nc3_nor_nc4() -> None:
    features, labels = sample(0)
    report = measure_collapse(features, labels)
    assert report.self_duality is None
    assert report.ncc_disagreement is None


def test_a_missing_bias_is_zero() -> None:
    features, labels = sample(1)
    weight, _ = classifier(1)
    report = measure_collapse(features, labels, weight)
    assert report == measure_collapse(features, labels, weight, torch.zeros(3))


def test_the_bias_changes_nc4() -> None:
    features, labels = sample(2)
    means = statistics_of(features, labels).means
    pushed = torch.tensor([1e6, 0, 0])  # decides class 0 always
    nearest = torch.cdist(features, means).argmin(1)
    report = measure_collapse(features, labels, means, pushed)
    assert report.ncc_disagreement == pytest.approx(float((nearest != 0).double().mean()))


@pytest.mark.parametrize("k", [2, 5])
def test_exact_collapse_to_an_etf_is_zero_in_every_metric(k: int) -> None:
    etf, labels = simplex_etf(k, 6), torch.arange(k).repeat(3)
    report = measure_collapse(etf[labels], labels, 7 * etf)
    of_distance = gram_distance(etf, "of")
    assert report.normalised
    assert report.rank == k - 1
    numbers = report.to_dict()
    for name in ("rank", "normalised"):
        numbers.pop(name)
    assert numbers.pop("of_distance") == pytest.approx(of_distance)
    assert list(numbers.values()) == pytest.approx([0] * len(numbers), abs=1e-12)


def test_an_orthogonal_frame_is_told_from_an_etf_by_the_of_distance_alone() -> None:
    frame, labels = orthogonal_frame(4, 6), torch.arange(4).repeat(2)
    report = measure_collapse(frame[labels], labels)
    assert report.of_distance == pytest.approx(0, abs=1e-12)
    assert report.etf_distance == pytest.approx(0, abs=1e-12)


def test_the_report_is_frozen_and_fits_json() -> None:
    features, labels = sample(0)
    report = measure_collapse(features, labels, *classifier(0))
    assert json.loads(json.dumps(report.to_dict())) == report.to_dict()
    with pytest.raises(FrozenInstanceError):
        report.nc1 = 0.0


def test_normalised_features_are_reported_so() -> None:
    features, labels = sample(0)
    unit = torch.nn.functional.normalize(features)
    for dtype in (torch.float64, torch.float32, torch.float16, torch.bfloat16):
        assert measure_collapse(unit.to(dtype), labels).normalised
    one_off = unit.clone()
    one_off[3] *= 1.1
    assert not measure_collapse(one_off, labels).normalised


# --- numerically hard cases -----------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_a_short_between_class_direction_is_kept(dtype: torch.dtype) -> None:
    """One direction at 1e-3 of the others: the truth is 1.08e-1, float32 pinv says 9e-7."""
    lengths = torch.tensor([1.0] * 8 + [1e-3], dtype=torch.float64)
    features, labels = in_span_noise(lengths, variance=1.08e-6, dim=512)
    truth = 1.08e-6 * float((1 / lengths.square()).sum()) / 10
    assert truth == pytest.approx(1.08e-1, rel=1e-3)
    variants = nc1_variants(features.to(dtype), labels)
    # float32 input itself holds the short direction to about 1e-7/1e-3 of its length
    assert variants["nc1"] == pytest.approx(truth, rel=1e-9 if dtype == torch.float64 else 1e-3)
    assert variants["float32_pinv"] == pytest.approx(9e-7, rel=0.1)


def test_a_vanished_direction_is_dropped() -> None:
    lengths = torch.tensor([1.0, 1.0, 0.0], dtype=torch.float64)
    features, labels = in_span_noise(lengths, variance=1e-2, dim=20)
    report = measure_collapse(features + 100, labels)
    assert report.rank == 2
    assert report.nc1 == pytest.approx(2 * 1e-2 / 4, rel=1e-9)
    assert nc1_variants(features + 100, labels)["top_directions"] > 1e6


def test_a_common_offset_changes_nothing() -> None:
    features, labels = sample(0, k=4, dim=6, extra=40)
    shifted = (features + 1e4).float()
    kept = shifted.double() - 1e4  # exact: what float32 kept of the features
    report, expected = measure_collapse(shifted, labels), measure_collapse(kept, labels)
    names = ("nc1", "cdnv", "equinorm", "equiangularity", "etf_distance")
    for name in names:
        assert getattr(report, name) == pytest.approx(getattr(expected, name), rel=1e-8)
    assert report.nc1 == pytest.approx(oracles.nc1(kept, labels), rel=1e-8)
    assert report.rank == 3


def test_collapse_far_below_float32_is_measured() -> None:
    noise = 1e-9
    features, labels = in_span_noise(torch.ones(3, dtype=torch.float64), noise**2, dim=8)
    report = measure_collapse(features + 1, labels)
    assert report.nc1 == pytest.approx(3 * noise**2 / 4, rel=1e-5)
    assert report.cdnv == pytest.approx(oracles.cdnv(features, labels), rel=1e-5)


def test_no_matrix_as_large_as_dim_squared_or_the_data_is_formed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(collapse, "_CHUNK_ENTRIES", 40_000)
    features, labels = random(0, 3000, 400).float(), torch.arange(3000) % 5
    with LargestAllocation() as largest:
        measure_collapse(features, labels, random(1, 5, 400), random(2, 5))
    assert 40_000 <= largest.entries < 400 * 400


# --- streaming ------------------------------------------------------------------------------------


@some_examples
@given(seed=seeds, pieces=st.lists(st.integers(1, 10), min_size=1, max_size=4))
def test_statistics_do_not_depend_on_the_batches(seed: int, pieces: list[int]) -> None:
    features, labels = sample(seed, extra=sum(pieces))
    streamed, merged, start = ClassStatistics(3, 4), ClassStatistics(3, 4), 0
    for size in [*pieces, len(labels)]:
        part = slice(start, start + size)
        start += size
        if part.start < len(labels):
            streamed.update(features[part], labels[part])
            piece = ClassStatistics(3, 4)
            piece.update(features[part], labels[part])
            merged.merge(piece)
    for statistics in (streamed, merged):
        assert statistics.counts.tolist() == labels.bincount().tolist()
        expected = torch.from_numpy(oracles.class_means(features, labels))
        torch.testing.assert_close(statistics.means, expected, rtol=1e-12, atol=1e-12)
        expected = torch.from_numpy(oracles.traces(features, labels))
        torch.testing.assert_close(statistics.traces, expected, rtol=1e-9, atol=1e-12)


def test_one_sample_at_a_time_with_an_offset_of_1e4() -> None:
    features, labels = sample(0)
    shifted = (features + 1e4).float()
    statistics = ClassStatistics(3, 4)
    for row, label in zip(shifted, labels, strict=True):
        statistics.update(row[None], label[None])
    expected = oracles.traces(shifted.double() - 1e4, labels)
    assert statistics.traces.tolist() == pytest.approx(expected.tolist(), rel=1e-8)
    torch.testing.assert_close(
        statistics.means, torch.from_numpy(oracles.class_means(shifted, labels)), rtol=1e-14, atol=0
    )


def test_chunks_inside_an_update_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    features, labels = sample(0, extra=30)
    whole = measure_collapse(features, labels, *classifier(0))
    monkeypatch.setattr(collapse, "_CHUNK_ENTRIES", 7)
    chunked = measure_collapse(features, labels, *classifier(0))
    assert chunked.to_dict() == pytest.approx(whole.to_dict(), rel=1e-10)


def test_merging_nothing_changes_nothing() -> None:
    features, labels = sample(0)
    statistics = statistics_of(features, labels)
    means, traces = statistics.means, statistics.traces
    statistics.merge(ClassStatistics(3, 4))
    assert torch.equal(statistics.means, means)
    assert torch.equal(statistics.traces, traces)


def test_the_features_are_left_alone() -> None:
    features, labels = sample(0)
    before = features.clone()
    measure_collapse(features, labels, *classifier(0))
    nc1_variants(features, labels)
    assert torch.equal(features, before)


def test_a_refused_update_leaves_the_statistics_as_they_were() -> None:
    features, labels = sample(0)
    statistics = statistics_of(features, labels)
    means, counts = statistics.means, statistics.counts.clone()
    broken = features.clone()
    broken[-1, 0] = float("nan")
    with pytest.raises(ValueError, match=f"features: row {len(labels) - 1} holds NaN"):
        statistics.update(broken, labels)
    assert torch.equal(statistics.means, means)
    assert torch.equal(statistics.counts, counts)


def test_an_absent_class_has_no_mean() -> None:
    statistics = ClassStatistics(3, 2)
    statistics.update(torch.ones(2, 2), torch.tensor([0, 2]))
    assert statistics.counts.tolist() == [1, 0, 1]
    for read in (lambda: statistics.means, lambda: statistics.traces):
        with pytest.raises(ValueError, match="labels: no sample of class 1 has been seen"):
            read()


# --- rival conventions ----------------------------------------------------------------------------


@some_examples
@given(seed=seeds)
def test_variants_agree_with_loops(seed: int) -> None:
    features, labels = sample(seed, k=3, dim=5)
    truth = oracles.nc1(features, labels)
    shares = [count / len(labels) for count in labels.bincount().tolist()]
    between = oracles.between_covariance(oracles.class_means(features, labels))
    variants = nc1_variants(features, labels)
    assert variants["nc1"] == pytest.approx(truth, rel=1e-6)
    assert variants["undivided"] == pytest.approx(3 * truth, rel=1e-6)
    assert variants["pooled"] == pytest.approx(oracles.nc1(features, labels, shares), rel=1e-6)
    assert variants["top_directions"] == pytest.approx(truth, rel=1e-6)
    quotient = oracles.traces(features, labels).mean() / between.trace()
    assert variants["trace_quotient"] == pytest.approx(quotient, rel=1e-9)


def test_float32_pinv_is_right_where_nothing_is_short() -> None:
    features, labels = in_span_noise(torch.tensor([1.0, 0.8, 0.6]).double(), 1e-2, dim=32)
    variants = nc1_variants(features, labels)
    assert variants["float32_pinv"] == pytest.approx(variants["nc1"], rel=1e-4)


def test_variants_of_balanced_classes_have_no_pooled_difference() -> None:
    features, labels = in_span_noise(torch.ones(2, dtype=torch.float64), 1e-2, dim=5)
    variants = nc1_variants(features, labels)
    assert variants["pooled"] == pytest.approx(variants["nc1"])


# --- metrics of the means -------------------------------------------------------------------------


@some_examples
@given(seed=seeds, k=st.integers(2, 6), dim=st.integers(2, 6))
def test_metrics_of_means_agree_with_loops(seed: int, k: int, dim: int) -> None:
    means, weight = random(seed, k, dim), random(seed + 1, k, dim)
    rows = means.numpy()
    assert equinorm(means) == pytest.approx(oracles.equinorm(rows), abs=1e-10)
    assert equiangularity(means) == pytest.approx(oracles.equiangularity(rows), abs=1e-10)
    expected = oracles.self_duality(weight.numpy(), rows)
    assert self_duality(weight, means) == pytest.approx(expected, abs=1e-10)
    assert self_duality(-means + 3, means) == pytest.approx(2)


def test_cdnv_from_streamed_statistics_alone() -> None:
    features, labels = sample(3)
    statistics = statistics_of(features, labels)
    value = cdnv(statistics.means, statistics.traces)
    assert value == pytest.approx(oracles.cdnv(features, labels))


# --- bad input ------------------------------------------------------------------------------------

NAN, INF = float("nan"), float("inf")
X, Y = sample(0)
W, B = classifier(0)


def with_entry(matrix: Tensor, value: float) -> Tensor:
    return matrix.index_fill(0, torch.tensor([2]), value)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((X[0], Y), "features: expected 2 dimensions"),
        ((X.long(), Y), "features: expected a floating-point dtype"),
        ((X.numpy(), Y), "features: expected a torch.Tensor, got ndarray"),
        ((X[:0], Y[:0]), "features: empty"),
        ((with_entry(X, NAN), Y), "features: row 2 holds NaN or infinity"),
        ((with_entry(X, -INF), Y), "features: row 2 holds NaN or infinity"),
        ((X, Y[1:]), "labels: got 10 labels for 11 rows"),
        ((X, Y.double()), "labels: expected an integer dtype, got torch.float64"),
        ((X, Y > 0), "labels: expected an integer dtype, got torch.bool"),
        ((X, Y[:, None]), "labels: expected 1 dimension"),
        ((X, Y.tolist()), "labels: expected a torch.Tensor, got list"),
        ((X, torch.zeros_like(Y)), "labels: expected at least 2 classes, got 1"),
        ((X, Y - 1), "labels: expected 0 to 1, got -1"),
        ((X, 2 * Y), "labels: class 1 of 0 to 4 is absent"),
        ((X, Y + 10**15), "labels: class 0 of 0 to 1000000000000002 is absent"),
        ((X, torch.arange(11)), "labels: class 0 has a single sample"),
        ((X, Y, torch.ones(2, 4)), "labels: expected 0 to 1, got 2"),
        ((X, Y, random(0, 4, 4)), "labels: class 3 of 0 to 3 is absent"),
        ((X, Y, W[:, 1:]), "weight: expected dim 4 as of features, got 3"),
        ((X, Y, with_entry(W, INF)), "weight: row 2 holds NaN or infinity"),
        ((X, Y, torch.ones(3, 4)), "weight: all rows coincide"),
        ((X, Y, W, B[1:]), r"bias: expected shape \(3,\), got \(2,\)"),
        ((X, Y, W, with_entry(B, NAN)), "bias: row 2 holds NaN or infinity"),
        ((X, Y, None, B), "bias: given without a weight"),
        ((X[Y.new_zeros(11)], Y), "features: unusable class means: rows 0 and 1 coincide"),
        ((X * (Y > 0)[:, None], Y), "features: unusable class means: row 0 is zero"),
    ],
)
def test_bad_input_is_named(arguments: tuple[Tensor, ...], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        measure_collapse(*arguments)


def test_bad_statistics_input_is_named() -> None:
    with pytest.raises(ValueError, match="num_classes: expected a positive integer, got 0"):
        ClassStatistics(0, 4)
    with pytest.raises(ValueError, match=r"dim: expected a positive integer, got 2\.5"):
        ClassStatistics(3, 2.5)
    statistics = ClassStatistics(3, 4)
    with pytest.raises(ValueError, match="features: expected dim 4, got 3"):
        statistics.update(X[:, 1:], Y)
    with pytest.raises(ValueError, match="labels: expected 0 to 2, got 3"):
        statistics.update(X, Y + 1)
    with pytest.raises(ValueError, match="other: expected 3 classes of dim 4, got 3 of dim 5"):
        statistics.merge(ClassStatistics(3, 5))


def test_bad_means_are_named() -> None:
    with pytest.raises(ValueError, match="means: all rows coincide"):
        equinorm(torch.ones(3, 2))
    with pytest.raises(ValueError, match="means: rows 0 and 2 coincide"):
        cdnv(torch.eye(3)[[0, 1, 0]], torch.ones(3))
    with pytest.raises(ValueError, match=r"traces: expected shape \(3,\), got \(2,\)"):
        cdnv(torch.eye(3), torch.ones(2))
    with pytest.raises(ValueError, match=r"weight: expected \(3, 3\), got \(2, 3\)"):
        self_duality(torch.eye(3)[:2], torch.eye(3))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")
def test_cuda_agrees_with_cpu() -> None:
    features, labels = sample(0, k=5, dim=16, extra=200)
    arguments = (features.float(), labels, *classifier(0, 5, 16))
    expected = measure_collapse(*arguments).to_dict()
    moved = measure_collapse(*(argument.cuda() for argument in arguments)).to_dict()
    assert moved == pytest.approx(expected, rel=1e-8)
