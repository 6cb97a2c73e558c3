"""supcon_loss against pytorch-metric-learning: forward and backward, 10 classes, two CPU threads.

    python benchmarks/supcon.py [--json PATH]

Medians of runs in alternation; extra memory is the peak resident size of a fresh process beyond
what it held before the call. The target, at 4096×128: 5 times the speed, 1/8 of the extra memory.
"""

import functools
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a script too
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as ncbook does, but torch comes first here

import torch
from pytorch_metric_learning.losses import SupConLoss
from torch import Tensor
from torch.nn.functional import normalize

from benchmarks.measuring import (
    Figures,
    Work,
    extra_mib,
    json_path,
    median_seconds,
    report,
    save,
)
from ncbook.supcon import supcon_loss

SIZES = ((1024, 128), (4096, 128))
ROUNDS = 7
NAMES = ("ncbook", "pytorch-metric-learning")
peer_loss = SupConLoss(temperature=0.1)


def batch(n: int, dim: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return normalize(torch.randn(n, dim, generator=generator)), torch.arange(n) % 10


def loss_and_gradient(name: str, embeddings: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    leaf = embeddings.detach().requires_grad_()
    loss = supcon_loss(leaf, labels) if name == "ncbook" else peer_loss(leaf, labels)
    return loss.detach(), torch.autograd.grad(loss, leaf)[0]


def prepare(n: int, dim: int, name: str) -> Work:
    embeddings, labels = batch(n, dim)
    loss_and_gradient(name, embeddings[:64], labels[:64])
    return functools.partial(loss_and_gradient, name, embeddings, labels)


def check_agreement(n: int, dim: int) -> None:
    """The peer normalises, so its gradient is ours without the part along the embedding."""
    embeddings, labels = batch(n, dim)
    loss, gradient = loss_and_gradient("ncbook", embeddings, labels)
    peer, peer_gradient = loss_and_gradient("pytorch-metric-learning", embeddings, labels)
    along = (gradient * embeddings).sum(1, keepdim=True) * embeddings
    torch.testing.assert_close(loss, peer, rtol=1e-5, atol=0)
    torch.testing.assert_close(gradient - along, peer_gradient, rtol=1e-3, atol=1e-8)


def measure(n: int, dim: int) -> Figures:
    check_agreement(n, dim)
    return {
        "seconds": median_seconds({name: prepare(n, dim, name) for name in NAMES}, ROUNDS),
        "extra MiB": {name: extra_mib(functools.partial(prepare, n, dim), name) for name in NAMES},
    }


def main(arguments: list[str] | None = None) -> None:
    path = json_path(__doc__, arguments)
    figures = {f"{n}×{dim}": measure(n, dim) for n, dim in SIZES}
    report("Supervised contrastive loss, forward and backward", figures)
    save(figures, path)


if __name__ == "__main__":
    main()
