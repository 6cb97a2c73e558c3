"""What a network looks like at one moment: features, accuracies, collapse."""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from ncbook.collapse import ClassStatistics, measure_collapse
from ncbook.geometry import mean_cosine
from ncbook.lab.config import RunConfig
from ncbook.lab.models import Network
from ncbook.lab.ranks.group import ALONE, Ranks
from ncbook.lab.runs import as_loss_sees

BATCH = 500  # images at a time: bounds the memory of activations
Split = tuple[Tensor, Tensor]  # images (n, C, H, W), labels (n,)


@torch.inference_mode()
def embed(network: Network, images: Tensor) -> Tensor:
    """Raw features of all images in evaluation mode, (n, d) float32."""
    network.eval()
    return torch.cat([network.features(part).float() for part in images.split(BATCH)])


def embed_together(network: Network, images: Tensor, ranks: Ranks) -> Tensor:
    """As `embed`, on every rank, each having embedded its share of ``images``, (n, d)."""
    return ranks.join(embed(network, ranks.share(images)), len(images))


def measure(
    network: Network, config: RunConfig, train: Split, test: Split, ranks: Ranks = ALONE
) -> dict[str, Any]:
    """Accuracies and the collapse report of the features that the loss sees.

    Cross-entropy networks classify by their logits; supervised contrastive ones, which have none,
    by the nearest class mean. Collapse is measured on training images without augmentation. On
    several ranks each embeds its share of the images, and all come to the same result.

    Returns:
        ``row``: a plain dictionary for the history; ``means``: class means, (k, d); ``features`` of
        the training images, (n, d), and ``test_features`` of the test images.
    """
    features, held_out = (
        as_loss_sees(embed_together(network, images, ranks), config) for images, _ in (train, test)
    )
    means = _statistics(features, train[1], config, ranks).means.float()
    head = network.classifier if config.loss == "ce" else None
    scores = (lambda h: -torch.cdist(h, means)) if head is None else head
    row = {
        **_fit("train", scores, features, train[1], config),
        **_fit("test", scores, held_out, test[1], config),
        **_report(features, train[1], head),
        "mean_cosine": mean_cosine(means, centre=False),
    }
    if network.code is not None:
        row |= {"train_rate": _rate(network, train[0]), "test_rate": _rate(network, test[0])}
    shown = {"means": means, "features": features, "test_features": held_out}
    return {"row": row} | {name: values.cpu() for name, values in shown.items()}


def _statistics(
    features: Tensor, labels: Tensor, config: RunConfig, ranks: Ranks
) -> ClassStatistics:
    """Of all training images; each rank goes through its share of them."""
    own = ClassStatistics(config.model.num_classes, features.shape[1])
    own.update(ranks.share(features), ranks.share(labels))
    first, *others = ranks.all(own)
    for other in others:
        first.merge(other)
    return first


@torch.inference_mode()
def _rate(network: Network, images: Tensor) -> float:
    """Of a stochastic code, over all images in evaluation mode, in nats."""
    parts = images.split(BATCH)
    return sum(float(network(part).rate) * len(part) for part in parts) / len(images)


@torch.inference_mode()
def _fit(
    split: str, scores: Any, features: Tensor, labels: Tensor, config: RunConfig
) -> dict[str, float]:
    values = scores(features)  # (n, k)
    accuracy = (values.argmax(1) == labels).float().mean().item()
    found = {f"{split}_accuracy": accuracy}
    if config.loss == "ce":
        found[f"{split}_loss"] = cross_entropy(values, labels).item()
    return found


def _report(features: Tensor, labels: Tensor, head: torch.nn.Linear | None) -> dict[str, Any]:
    if head is None:
        return measure_collapse(features, labels).to_dict()
    weight, bias = head.weight.detach(), head.bias.detach()
    return measure_collapse(features, labels, weight, bias).to_dict()
