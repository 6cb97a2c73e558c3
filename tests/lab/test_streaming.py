"""Collapse from an epoch's own batches: the same numbers as from all features at once."""

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize
from torch.utils._python_dispatch import TorchDispatchMode

from ncbook.collapse import measure_collapse, nc1_variants
from ncbook.lab.models import ModelConfig, build
from ncbook.lab.streaming import ClassSums, Streamed, overheard

CPU = torch.device("cpu")


def classes(spread: float, k: int = 6, dim: int = 16, each: int = 12) -> tuple[Tensor, Tensor]:
    """Unit features around random means, in random order."""
    generator = torch.Generator().manual_seed(3)
    labels = torch.arange(k).repeat(each)[torch.randperm(k * each, generator=generator)]
    means = torch.randn(k, dim, generator=generator)
    noise = spread * torch.randn(k * each, dim, generator=generator)
    return normalize(means[labels] + noise), labels


def streamed(features: Tensor, labels: Tensor, batch: int = 7) -> Streamed:
    sums = ClassSums(int(labels.max()) + 1, features.shape[1], CPU)
    for part, members in zip(features.split(batch), labels.split(batch), strict=True):
        sums.update(part, members)
    return sums.report()


@pytest.mark.parametrize("spread", [1.0, 0.1, 1e-3])
def test_the_batches_give_what_all_features_at_once_give(spread: float) -> None:
    features, labels = classes(spread)
    found = streamed(features, labels)
    assert found.of_distance == pytest.approx(measure_collapse(features, labels).of_distance)
    quotient = nc1_variants(features, labels)["trace_quotient"]
    assert found.trace_quotient == pytest.approx(quotient, rel=1e-6)


@pytest.mark.parametrize("spread", [2.0, 0.3, 0.01])
def test_nc1_is_never_above_its_bound(spread: float) -> None:
    features, labels = classes(spread)
    assert measure_collapse(features, labels).nc1 <= streamed(features, labels).nc1_bound


def test_the_bound_is_reached_by_variation_along_the_shortest_direction() -> None:
    # Centred means at ±3 on one axis and ±1 on the other; all variation lies on the latter.
    means = torch.tensor([[3.0, 0.0], [-3.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    moves = torch.tensor([[0.0, 0.5], [0.0, -0.5]])
    features = (means[:, None] + moves).flatten(0, 1)
    labels = torch.arange(4).repeat_interleave(2)
    sums = ClassSums(4, 2, CPU)
    sums.update(features, labels)
    # Σ_B = diag(9/2, 1/2), tr Σ_W = 1/4: NC1 = (1/4)/(1/2)/4.
    assert measure_collapse(features, labels).nc1 == pytest.approx(1 / 8)
    # Four means in a plane span two directions, not three: nothing bounds the third.
    assert sums.report().nc1_bound == float("inf")
    three = torch.tensor([[1.0, 0.0], [-0.5, 0.5], [-0.5, -0.5]])
    features = (three[:, None] + moves).flatten(0, 1)
    sums = ClassSums(3, 2, CPU)
    sums.update(features, torch.arange(3).repeat_interleave(2))
    # Σ_B = diag(1/2, 1/6): NC1 = (1/4)/(1/6)/3.
    assert sums.report().nc1_bound == pytest.approx(1 / 2)
    report = measure_collapse(features, torch.arange(3).repeat_interleave(2))
    assert report.nc1 == pytest.approx(1 / 2)


def test_features_need_not_be_of_unit_length() -> None:
    features, labels = classes(0.5)
    grown = features * torch.linspace(1, 9, len(features))[:, None]
    quotient = nc1_variants(grown, labels)["trace_quotient"]
    assert streamed(grown, labels).trace_quotient == pytest.approx(quotient, rel=1e-6)


def test_an_absent_class_is_refused() -> None:
    sums = ClassSums(3, 4, CPU)
    sums.update(torch.eye(4)[:2], torch.tensor([0, 2]))
    with pytest.raises(ValueError, match="no sample"):
        sums.report()


class NoWaiting(TorchDispatchMode):
    """Fails at an operation whose result the host has to wait for."""

    waits = (torch.ops.aten._local_scalar_dense.default, torch.ops.aten.nonzero.default)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        assert func not in self.waits, f"{func} waits for the device"
        return func(*args, **kwargs or {})


def test_adding_a_batch_reads_nothing_back_from_the_device() -> None:
    features, labels = classes(0.5)
    sums = ClassSums(6, 16, CPU)
    with NoWaiting():
        sums.update(features, labels)
        with pytest.raises(AssertionError, match="waits"):
            float(sums.counts.sum())
    assert sums.counts.sum() == len(labels)


def test_features_are_overheard_without_a_second_pass() -> None:
    network = build(ModelConfig(width=4))
    images = torch.randn(6, 3, 32, 32)
    with overheard(network) as latest:
        output = network(images)
        assert torch.equal(latest(), output.features)
        assert not latest().requires_grad
        heard = latest()
    network(images)
    assert latest() is heard, "nobody listens after the block"
