"""How far an epoch has collapsed, from the features it trained on: no second pass over the data.

What is measured so isn't what `ncbook.lab.measurement` measures. Each image's features are taken as
they were when it was trained on: batch normalisation by its own batch, augmented if the run
augments, and the weights moving from one batch to the next. A run still on the move looks less
collapsed this way than it is, so these numbers tell when a measurement is worth its time, and don't
replace it.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ncbook.geometry import centred, gram_distance
from ncbook.lab.models.network import Output


class Streamed(NamedTuple):
    """An epoch's collapse as its batches saw it; 0 is full collapse.

    Attributes:
        of_distance: Δ_OF of the class means, not centred (`ncbook.geometry.gram_distance`).
        trace_quotient: tr Σ_W / tr Σ_B, as in `ncbook.collapse.nc1_variants`.
        nc1_bound: tr Σ_W / (k s²), with s² the least of the k−1 eigenvalues of Σ_B that belong to
            the means: at least NC1 = tr(Σ_W Σ_B⁺)/k of the same features, since no direction is
            divided by less; equal to it if all variation lies along that direction. Infinite where
            the means span fewer directions.
    """

    of_distance: float
    trace_quotient: float
    nc1_bound: float


class ClassSums:
    """Sums over the classes of an epoch, kept on the device that trains and fetched once.

    From them tr Cov_c = E‖h‖² − ‖μ_c‖², which for unit rows is 1 − ‖μ_c‖². The subtraction costs
    digits that double precision has to spare: features are exact to 1e-7 themselves.

    Args:
        num_classes: k.
        dim: d.
        device: of the features.
    """

    def __init__(self, num_classes: int, dim: int, device: torch.device) -> None:
        # Apple's GPUs have no double precision: there 1 − ‖μ_c‖² is right to some 1e-5.
        dtype = torch.float32 if device.type == "mps" else torch.float64
        self.counts = torch.zeros(num_classes, dtype=dtype, device=device)
        self.sums = torch.zeros(num_classes, dim, dtype=dtype, device=device)
        self.squares = torch.zeros(num_classes, dtype=dtype, device=device)

    def update(self, features: Tensor, labels: Tensor) -> None:
        """Add a batch, (n, d) and (n,) with labels in 0 … k−1, without waiting for the device."""
        rows = features.detach().to(self.sums.dtype)
        self.counts.index_add_(0, labels, torch.ones_like(labels, dtype=rows.dtype))
        self.sums.index_add_(0, labels, rows)
        self.squares.index_add_(0, labels, rows.square().sum(1))

    def report(self) -> Streamed:
        """What has been added so far; waits for the device, once.

        Raises:
            ValueError: if a class is absent, or its mean vanishes or isn't finite.
        """
        packed = torch.cat([self.counts[:, None], self.squares[:, None], self.sums], 1)
        counts, squares, sums = packed.cpu().double().split([1, 1, self.sums.shape[1]], 1)
        if not counts.all():
            raise ValueError("labels: a class has no sample in this epoch")
        means = sums / counts  # (k, d)
        traces = (squares / counts).squeeze(1) - means.square().sum(1)  # (k,)
        within = float(traces.clamp(min=0).mean())
        k, dim = means.shape
        spread = torch.linalg.svdvals(centred(means))[: min(k - 1, dim)].square() / k  # of Σ_B
        least = float(spread[-1]) if dim >= k - 1 else 0.0
        return Streamed(
            of_distance=gram_distance(means, "of"),
            trace_quotient=within / float(spread.sum()),
            nc1_bound=within / (k * least) if least else math.inf,
        )


@contextmanager
def overheard(network: nn.Module) -> Iterator[Callable[[], Tensor]]:
    """Listen to a network's forward passes without changing the loop that makes them.

    Yields:
        A function that gives the features (n, d) of the latest pass, detached.
    """
    latest: list[Tensor] = []

    def keep(_module: nn.Module, _inputs: object, output: Output) -> None:
        latest[:] = [output.features.detach()]

    listener = network.register_forward_hook(keep)
    try:
        yield lambda: latest[0]
    finally:
        listener.remove()
