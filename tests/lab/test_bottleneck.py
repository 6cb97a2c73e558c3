"""The stochastic code: its rate, its draws, and what compression does to a training run."""

import dataclasses
from pathlib import Path

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from ncbook.lab.config import RunConfig
from ncbook.lab.models import ModelConfig, build
from ncbook.lab.models.bottleneck import draw, rate
from ncbook.lab.training import train


def posterior(n: int = 50, dim: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(n, dim, generator=generator), torch.randn(n, dim, generator=generator)


def test_rate_is_the_divergence_from_the_standard_normal() -> None:
    mean, log_variance = posterior()
    per_entry = kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0))
    torch.testing.assert_close(rate(mean, log_variance), per_entry.sum(1).mean())
    nothing = torch.zeros(4, 3)
    assert rate(nothing, nothing) == 0


def test_draws_have_the_stated_mean_and_variance() -> None:
    mean, log_variance = posterior(n=2)
    torch.manual_seed(0)
    drawn = torch.stack([draw(mean, log_variance) for _ in range(20_000)])
    spread = (log_variance / 2).exp()
    assert ((drawn.mean(0) - mean).abs() < 5 * spread / 20_000**0.5).all()
    torch.testing.assert_close(drawn.var(0), log_variance.exp(), rtol=0.06, atol=0.0)


def test_draws_pass_the_gradient_on_to_both() -> None:
    mean, log_variance = (part.requires_grad_() for part in posterior())
    draw(mean, log_variance).square().sum().backward()
    assert mean.grad is not None
    assert log_variance.grad is not None
    assert (mean.grad.abs() > 0).all()
    assert (log_variance.grad.abs() > 0).all()


def test_a_network_draws_in_training_and_shows_the_mean_otherwise() -> None:
    torch.manual_seed(0)
    network, images = build(ModelConfig(code=5)), torch.randn(4, 3, 32, 32)
    assert network.dim == 5
    network.eval()
    features, logits, cost = network(images)
    assert torch.equal(features, network.features(images))
    assert torch.equal(network(images).features, features)
    assert network.classifier is not None
    assert network.code is not None
    torch.testing.assert_close(logits, network.classifier(features))
    torch.testing.assert_close(cost, rate(*network.code(network.head(network.trunk(images)))))
    network.train()
    assert not torch.equal(network(images).features, network(images).features)


def test_compression_lowers_the_rate_and_costs_nothing_where_it_is_zero(
    runs: Path, tiny: RunConfig
) -> None:
    config = dataclasses.replace(tiny, loss="ce", model=ModelConfig(code=8), epochs=6, lr=0.05)
    free, squeezed = (
        train(dataclasses.replace(config, compression=weight), "cpu") for weight in (0.0, 1.0)
    )
    for split in ("train", "test"):
        assert squeezed.history[-1][f"{split}_rate"] < 0.5 * free.history[-1][f"{split}_rate"]
    assert "train_rate" not in train(dataclasses.replace(tiny, epochs=1), "cpu").history[-1]


def test_the_recorded_loss_is_cross_entropy_plus_the_weighted_rate(
    runs: Path, tiny: RunConfig
) -> None:
    """At a vanishing learning rate, one batch's loss is that of the untrained network."""
    still = dataclasses.replace(
        tiny, loss="ce", model=ModelConfig(code=8), epochs=1, batch_size=60, lr=1e-12
    )
    losses = [
        train(dataclasses.replace(still, compression=weight), "cpu").history[-1]["loss"]
        for weight in (0.0, 1.0, 3.0)
    ]
    assert losses[1] > losses[0]
    assert losses[2] - losses[0] == pytest.approx(3 * (losses[1] - losses[0]), rel=1e-4)
