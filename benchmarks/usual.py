"""The usual loop of supervised contrastive training, the speedrun's last contestant.

Images come one by one through PIL, torchvision's transforms and a DataLoader; the loss is written
from its formula with all (n, n) similarities; tensors are float32 in plain memory format; every
epoch ends with a pass over all training images, whose collapse is measured by (d, d) covariances.
"""

import os
from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize
from torch.optim import SGD
from torch.utils.data import DataLoader

from benchmarks.training import ImageByImage
from ncbook.batching import BatchBinding, Reshuffled
from ncbook.lab.config import RunConfig
from ncbook.lab.data import Dataset
from ncbook.lab.models import build
from ncbook.lab.schedule import learning_rate

Loader = DataLoader[tuple[Tensor, int]]


def reference_loss(embeddings: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """L_out of Khosla et al. 2020 (arXiv:2004.11362, eq. 2), the mean over anchors with a positive.

    Args:
        embeddings: (n, d).
        labels: (n,).
        temperature: τ.
    """
    similarities = embeddings @ embeddings.T / temperature  # (n, n)
    itself = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    positive = (labels[:, None] == labels[None, :]) & ~itself
    others = similarities.masked_fill(itself, -torch.inf)
    log_share = similarities - others.logsumexp(1, keepdim=True)
    counts = positive.sum(1)
    losses = -(log_share * positive).sum(1) / counts.clamp(min=1)
    return losses[counts > 0].mean()


def reference_collapse(features: Tensor, labels: Tensor) -> tuple[float, float]:
    """Δ_OF of the class means and NC1 = tr(Σ_W Σ_B⁺)/k, written as their definitions.

    Args:
        features: (n, d).
        labels: (n,) in 0 … k−1.
    """
    k, dim = int(labels.max()) + 1, features.shape[1]
    rows = features.double()
    within = rows.new_zeros(dim, dim)
    means = torch.stack([rows[labels == c].mean(0) for c in range(k)])
    for c in range(k):
        residuals = rows[labels == c] - means[c]
        within += residuals.T @ residuals / (len(residuals) * k)
    centred = means - means.mean(0)
    between = centred.T @ centred / k
    # The k−1 directions of the means; what lies below them is rounding error.
    inverse = torch.linalg.pinv(between, hermitian=True, rtol=1e-9)
    gram, frame = means @ means.T, torch.eye(k, dtype=rows.dtype, device=rows.device)
    distance = (gram / gram.norm() - frame / frame.norm()).norm()
    return float(distance), float(torch.trace(within @ inverse)) / k


def epochs(
    config: RunConfig, dataset: Dataset, device: torch.device
) -> Iterator[tuple[float, float]]:
    """Train by a configuration; after every epoch Δ_OF and NC1 of all training images.

    Batches, initial weights and the rate in each epoch are the very ones that the lab would have.
    """
    torch.manual_seed(config.seed)
    network = build(config.model).to(device)
    optimiser = SGD(
        network.parameters(), config.lr, config.momentum, weight_decay=config.weight_decay
    )
    moved = ImageByImage(dataset, config)
    still = ImageByImage(dataset, replace(config, augment=False))
    plan = BatchBinding(
        Reshuffled(moved.labels, config.batch_size, config.seed), moved.labels, config.bind
    )
    # Beside an accelerator the other cores load; on a CPU the one thread does everything.
    workers, pin = (os.cpu_count() or 1, True) if device.type == "cuda" else (0, False)
    batches: Loader = DataLoader(moved, batch_sampler=plan, num_workers=workers, pin_memory=pin)
    everything: Loader = DataLoader(still, 500, num_workers=workers, pin_memory=pin)
    for epoch in range(config.epochs):
        plan.set_epoch(epoch)
        optimiser.param_groups[0]["lr"] = learning_rate(config, epoch)
        train_epoch(network, optimiser, batches, config.temperature, device)
        yield reference_collapse(*embed_all(network, everything, device))


def train_epoch(
    network: nn.Module, optimiser: SGD, batches: Loader, temperature: float, device: torch.device
) -> None:
    network.train()
    for images, labels in batches:
        features = normalize(network(images.to(device)).features)
        loss = reference_loss(features, labels.to(device), temperature)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


@torch.no_grad()
def embed_all(network: nn.Module, batches: Loader, device: torch.device) -> tuple[Tensor, Tensor]:
    """Unit features (n, d) and labels (n,) of all images, in evaluation mode."""
    network.eval()
    parts = [(normalize(network(images.to(device)).features), of) for images, of in batches]
    features, labels = zip(*parts, strict=True)
    return torch.cat(features), torch.cat(labels).to(device)
