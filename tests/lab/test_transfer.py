"""Linear probes: they see what is linearly there, and nothing else, on any network's images."""

import dataclasses
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn.functional import pad

from ncbook.errors import NcbookError
from ncbook.geometry import simplex_etf
from ncbook.lab.config import RunConfig
from ncbook.lab.data import SubsetConfig, load_dataset, normalise, subset, unseen
from ncbook.lab.measurement import embed
from ncbook.lab.models import ModelConfig, build
from ncbook.lab.training import train
from ncbook.lab.transfer import (
    embed_elsewhere,
    embed_unseen,
    linear_probe,
    transfer_accuracy,
)


def clouds(per_class: int, seed: int, spread: float = 0.1) -> tuple[Tensor, Tensor]:
    labels = torch.arange(4).repeat_interleave(per_class)
    noise = torch.randn(len(labels), 6, generator=torch.Generator().manual_seed(seed))
    return simplex_etf(4, 6)[labels].float() + spread * noise, labels


def test_separable_clouds_are_separated() -> None:
    assert linear_probe(clouds(20, 0), clouds(50, 1)) == 1


def test_labels_without_a_reason_are_not_learnt() -> None:
    (features, labels), test = clouds(100, 0), clouds(250, 1)
    mixed = labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(2))]
    assert linear_probe((features, mixed), test) < 0.5


def test_scale_and_offset_of_coordinates_do_not_matter() -> None:
    (h, y), (g, z) = clouds(20, 0, spread=0.8), clouds(200, 1, spread=0.8)
    scale, offset = torch.logspace(-3, 3, 6), torch.arange(6.0)
    moved = linear_probe((h * scale + offset, y), (g * scale + offset, z))
    assert moved == pytest.approx(linear_probe((h, y), (g, z)), abs=0.005)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_network_for_other_images_takes_digits_too(channels: int) -> None:
    torch.manual_seed(0)
    network = build(ModelConfig(in_channels=channels))
    accuracy = transfer_accuracy(network, "mnist", SubsetConfig(300, 300))
    assert 0.3 < accuracy < 0.95  # random features of digits: far above chance, short of trained


def test_another_data_set_comes_with_its_own_labels_and_the_networks_features() -> None:
    torch.manual_seed(0)
    network = build(ModelConfig())
    images = SubsetConfig(100, 50)
    train, test = embed_elsewhere(network, "mnist", images)
    for (features, labels), per_class in ((train, 10), (test, 5)):
        assert features.shape == (10 * per_class, network.dim)
        assert labels.bincount().tolist() == [per_class] * 10
    part = subset(load_dataset("mnist"), images)
    frame = pad(normalise(part.test_images, "mnist"), [2] * 4).expand(-1, 3, -1, -1)
    assert torch.allclose(test[0], embed(network, frame), atol=1e-5)
    assert torch.equal(test[1], torch.as_tensor(part.test_labels))


@pytest.mark.parametrize(
    "part",
    [
        SubsetConfig(60, 20, seed=4),
        SubsetConfig(60, 20, shuffled_labels=0.5),
        SubsetConfig(60, 20, "step", 3.0),
    ],
)
def test_unseen_images_are_embedded_as_by_hand(
    runs: Path, tiny: RunConfig, part: SubsetConfig
) -> None:
    run = train(dataclasses.replace(tiny, subset=part, epochs=1), "cpu")
    features, labels = embed_unseen(run, 85)
    assert features.shape == (80, 64)
    assert labels.bincount().tolist() == [8] * 10
    source = load_dataset("cifar10")
    counts = [6] * 10 if part.imbalance == "none" else [6] * 5 + [2] * 5
    larger = subset(source, dataclasses.replace(part, train_size=140, imbalance="none", ratio=1.0))
    seen = set(subset(source, part).train_indices.tolist())
    assert len(seen) == sum(counts)
    fresh = [i for i in larger.train_indices.tolist() if i not in seen]
    model, row = run.model(), 0
    with torch.inference_mode():
        images = normalise(source.train_images[fresh], "cifar10")
        expected, owners = model.features(images), source.train_labels[fresh]
    for found, label in zip(features, labels.tolist(), strict=True):
        # Of a rare class more would fit: each of ours is one of them, in the same order.
        while owners[row] != label or not torch.allclose(expected[row], found, atol=1e-5):
            row += 1
        row += 1


def test_unseen_images_come_turned_to_a_run_on_turned_ones(runs: Path, tiny: RunConfig) -> None:
    part, model = SubsetConfig(80, 40, orientations=2), ModelConfig(num_classes=20)
    run = train(dataclasses.replace(tiny, subset=part, model=model, epochs=1), "cpu")
    features, labels = embed_unseen(run, 60)
    images, expected = unseen(load_dataset("cifar10"), part, 60)
    assert labels.bincount().tolist() == [3] * 20
    assert labels.tolist() == expected.tolist()
    assert torch.equal(features, embed(run.model(), normalise(images, "cifar10")))


def test_more_unseen_images_than_there_are_is_wrong_usage(runs: Path, tiny: RunConfig) -> None:
    run = train(dataclasses.replace(tiny, epochs=1), "cpu")
    with pytest.raises(NcbookError, match="were asked for") as caught:
        embed_unseen(run, 50_000)
    assert caught.value.exit_code == 2
