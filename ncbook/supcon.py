"""The supervised contrastive loss, fused and row-chunked, and the minima that it can reach.

Anchor i with positives P(i) = {j ≠ i, y_j = y_i} has the loss (L_out of Khosla et al. 2020,
arXiv:2004.11362)

    ℓ_i = log Σ_{l≠i} exp(h_i·h_l/τ) − (1/|P(i)|) Σ_{j∈P(i)} h_i·h_j/τ

and ``supcon_loss`` is the mean of ℓ_i over the anchors that have a positive. A sample without one
is no anchor and is not counted, but is a negative of all others. There is no base temperature.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from ncbook._checks import check_labels, check_matrix

# Similarities held at a time: enough rows for a fast matrix product, few enough to stay in a CPU's
# cache (2 MiB of float32); an accelerator has no such cache and wants large products (128 MiB).
_CPU_STRIP_ENTRIES = 2**19
_ACCELERATOR_STRIP_ENTRIES = 2**25


def supcon_loss(embeddings: Tensor, labels: Tensor, temperature: float = 0.1) -> Tensor:
    """Supervised contrastive loss: the mean of ℓ_i over the anchors that have a positive.

    Embeddings are used as they come: L2-normalise them first where the theory asks for it. Neither
    the forward nor the backward pass holds an (n, n) matrix. Half precision and autocast are
    computed, and the loss returned, in float32.

    Args:
        embeddings: (n, d), any floating dtype, any device.
        labels: (n,) integers of any values.
        temperature: τ > 0.

    Returns:
        A scalar, differentiable once: asking for a second derivative is an error.

    Raises:
        ValueError: naming the argument: wrong shape, dtype or length, NaN or infinity, no anchor
            with a positive (the mean would be over nothing), a temperature that is not positive.
    """
    check_matrix("embeddings", embeddings)
    check_labels(labels, len(embeddings))
    _check_temperature(temperature)
    _, classes, sizes = torch.unique(
        labels.to(embeddings.device), return_inverse=True, return_counts=True
    )
    if sizes.max() < 2:
        raise ValueError("labels: no label occurs twice, so no anchor has a positive")
    loss: Tensor = _SupCon.apply(embeddings, classes, sizes[classes] - 1, temperature)
    return loss


def supcon_minimum(
    class_counts: Sequence[int], temperature: float, geometry: Literal["of", "etf"] = "of"
) -> float:
    """The least ``supcon_loss`` of unit-norm embeddings on a full batch, with that normalisation.

    "of": entrywise non-negative embeddings, any class sizes, reached by an orthogonal frame where
    d ≥ k (arXiv:2306.07960): the mean over anchors of log(n_c − 1 + (n − n_c) e^{−1/τ}).
    Classes of one sample change n and nothing else: for an anchor of class c, Jensen bounds the
    positives by (n_c − 1) e^{a/τ} with a their mean similarity, non-negativity bounds each of the
    n − n_c negatives, singletons among them, by e⁰, and a ≤ 1; singletons orthogonal to every other
    class reach it.

    "etf": embeddings of any sign, equal class sizes, reached by a simplex ETF where d ≥ k − 1 (Graf
    et al. 2021, arXiv:2102.08817): log(n_c − 1 + (n − n_c) e^{−k/((k−1)τ)}).

    Args:
        class_counts: n_c ≥ 1 of each class; at least one is ≥ 2.
        temperature: τ > 0.
        geometry: "of" or "etf".

    Raises:
        ValueError: naming the argument, if a count is not a positive integer, none is ≥ 2, the
            temperature is not positive, the geometry is unknown, or "etf" is asked for with fewer
            than two classes or unequal counts, where no closed form holds.
    """
    counts = _check_counts(class_counts)
    _check_temperature(temperature)
    if geometry not in ("of", "etf"):
        raise ValueError(f'geometry: expected "of" or "etf", got {geometry!r}')
    gap = 1.0
    if geometry == "etf":
        if len(counts) < 2 or len(set(counts)) > 1:
            raise ValueError(f'class_counts: "etf" needs two or more equal counts, got {counts}')
        gap = len(counts) / (len(counts) - 1)  # 1 − cos of an ETF
    total, repulsion = sum(counts), math.exp(-gap / temperature)
    anchored = [count for count in counts if count >= 2]
    losses = [count * math.log(count - 1 + (total - count) * repulsion) for count in anchored]
    return sum(losses) / sum(anchored)


class _SupCon(torch.autograd.Function):
    """The loss over row strips of the similarities, which are symmetric: each pair is met once.

    With λ_i = log Σ_{l≠i} exp(s_il), s = HHᵀ/τ, the gradient of Σ_i λ_i is Σ_l W_il h_l/τ, where
    W_il = exp(s_il − λ_i) + exp(s_il − λ_l). So λ is all that the backward pass needs to have kept;
    λ = ∞ removes a row that is no anchor. The positive term needs only class sums S_c, as
    Σ_{j∈P(i)} h_j = S_{y_i} − h_i.
    """

    @staticmethod
    def forward(
        ctx: Any, embeddings: Tensor, classes: Tensor, positives: Tensor, temperature: float
    ) -> Tensor:
        with torch.autocast(embeddings.device.type, enabled=False):
            h = _computable(embeddings)
            partition = _log_partition(h, temperature)  # (n,)
            pulls = _positive_means(h, classes, positives)  # (n, d)
            losses = partition - (h * pulls).sum(1) / temperature
            anchors = positives > 0
            ctx.save_for_backward(
                embeddings, classes, positives, partition.masked_fill(~anchors, math.inf)
            )
            ctx.temperature = temperature
            return losses[anchors].mean()

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled():
            raise RuntimeError("supcon_loss has no second derivative: leave out create_graph=True")
        embeddings, classes, positives, partition = ctx.saved_tensors
        with torch.autocast(embeddings.device.type, enabled=False):
            h = _computable(embeddings)
            gradient = _repulsion(h, partition, ctx.temperature)
            gradient -= 2 * _positive_means(h, classes, positives)
            gradient *= grad_outputs[0] / ctx.temperature / (positives > 0).sum()
        return gradient.to(embeddings.dtype), None, None, None


def _log_partition(h: Tensor, temperature: float) -> Tensor:
    """λ_i = log Σ_{l≠i} exp(h_i·h_l/τ), (n,)."""
    partition = h.new_full((len(h),), -math.inf)
    for start, stop, similarities in _strips(h, temperature):
        of_rows, beyond = partition[start:stop], partition[stop:]
        torch.logaddexp(of_rows, similarities.logsumexp(1), out=of_rows)
        torch.logaddexp(beyond, similarities[:, stop - start :].logsumexp(0), out=beyond)
    return partition


def _repulsion(h: Tensor, partition: Tensor, temperature: float) -> Tensor:
    """Σ_l W_il h_l, (n, d): τ times the gradient of Σ_i λ_i."""
    gradient = torch.zeros_like(h, memory_format=torch.contiguous_format)
    for start, stop, similarities in _strips(h, temperature):
        weights = (similarities - partition[start:]).exp_()  # (r, n - start)
        weights += similarities.sub_(partition[start:stop, None]).exp_()
        gradient[start:stop].addmm_(weights, h[start:])
        gradient[stop:].addmm_(weights[:, stop - start :].T, h[start:stop])
    return gradient


def _strips(h: Tensor, temperature: float) -> Iterator[tuple[int, int, Tensor]]:
    """Rows start to stop of HHᵀ/τ from the diagonal on, (r, n - start), with −∞ on the diagonal.

    The diagonal is masked before any maximum is taken, so large norms underflow nothing.
    """
    entries = _CPU_STRIP_ENTRIES if h.device.type == "cpu" else _ACCELERATOR_STRIP_ENTRIES
    start = 0
    while start < len(h):
        stop = min(len(h), start + max(1, entries // (len(h) - start)))
        similarities = (h[start:stop] / temperature) @ h[start:].T
        similarities.diagonal().fill_(-math.inf)
        yield start, stop, similarities
        start = stop


def _positive_means(h: Tensor, classes: Tensor, positives: Tensor) -> Tensor:
    """The mean over P(i) of h_j, (n, d), from class sums; zero where P(i) is empty."""
    sums = torch.zeros_like(h).index_add_(0, classes, h)
    return (sums[classes] - h) / positives.clamp(min=1).unsqueeze(1)


def _computable(embeddings: Tensor) -> Tensor:
    return embeddings.to(torch.promote_types(embeddings.dtype, torch.float32))


def _check_temperature(temperature: float) -> None:
    if not isinstance(temperature, int | float) or not 0 < temperature < math.inf:
        raise ValueError(f"temperature: expected a positive number, got {temperature!r}")


def _check_counts(class_counts: Sequence[int]) -> list[int]:
    counts = [int(count) for count in class_counts]
    if any(count < 1 or count != given for count, given in zip(counts, class_counts, strict=True)):
        raise ValueError(f"class_counts: expected positive integers, got {list(class_counts)}")
    if max(counts, default=0) < 2:
        raise ValueError(f"class_counts: no class has two samples, got {counts}")
    return counts
