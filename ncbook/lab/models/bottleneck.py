"""A last layer that forgets on purpose: the variational information bottleneck's code."""

import torch
from torch import Tensor, nn


class GaussianCode(nn.Module):
    """T given x, normal with a mean and a diagonal covariance that depend on x.

    Source: Alemi, Fischer, Dillon & Murphy 2017, *Deep variational information bottleneck*. The
    layer is linear: what stands before it does the bending.

    Args:
        width: dimension of what comes in.
        dim: dimension of T.
    """

    def __init__(self, width: int, dim: int) -> None:
        super().__init__()
        self.layer = nn.Linear(width, 2 * dim)

    def forward(self, h: Tensor) -> tuple[Tensor, Tensor]:
        """Means and logarithms of the variances of T, each (n, dim), from (n, width)."""
        mean, log_variance = self.layer(h).float().chunk(2, dim=1)
        return mean, log_variance


def draw(mean: Tensor, log_variance: Tensor) -> Tensor:
    """One T for each row, (n, dim), differentiable in both; from torch's global generator."""
    return mean + torch.randn_like(mean) * (log_variance / 2).exp()


def rate(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Mean over rows of KL(N(μ(x), σ²(x)) ‖ N(0, I)), in nats: an upper bound on I(X; T).

    It exceeds I(X; T) by the divergence of T's own distribution from N(0, I) (Alemi et al. 2017,
    eq. 14).
    """
    per_row = (mean.square() + log_variance.exp() - 1 - log_variance).sum(1) / 2  # (n,)
    return per_row.mean()
