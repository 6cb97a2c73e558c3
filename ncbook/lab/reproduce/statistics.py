"""What a run leaves behind, small: statistics from which each of its final numbers follows.

Class means, traces and variances along the directions between classes give NC1, NC2 and distances;
the classifier gives NC3; counts of decisions, k × k, give NC4 and accuracies. They are computed
from the finished run's features, not from what was measured during training.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from ncbook.collapse import (
    ClassStatistics,
    cdnv,
    equiangularity,
    equinorm,
    nc1_from_projections,
    projected_variances,
    self_duality,
)
from ncbook.geometry import gram_distance, mean_cosine
from ncbook.lab.runs import Run

Arrays = Mapping[str, NDArray[Any]]

# What is published of a run, and proved; numbers of a classifier where there is one.
METRICS = (
    "nc1",
    "rank",
    "cdnv",
    "equinorm",
    "equiangularity",
    "etf_distance",
    "of_distance",
    "mean_cosine",
    "normalised",
    "self_duality",
    "ncc_disagreement",
    "train_accuracy",
    "test_accuracy",
    "train_loss",
    "test_loss",
)
MOST_EXACT = 50_000  # entries of the class means that are kept in float64; more, in float32
_ROWS = 4096  # features at a time in float64
_UNIT = 0.02  # norms within this of 1 count as normalised, as in `CollapseReport`


@torch.inference_mode()
def gather(run: Run) -> dict[str, NDArray[Any]]:
    """The statistics of a finished run.

    Returns:
        ``means`` (k, d) and ``counts``, ``traces`` (k,) of the training features as the loss sees
        them, their ``variances`` between classes (r,), least and greatest of their ``norms`` (2,),
        ``train_confusion`` and ``test_confusion`` (k, k): true class by decision. Of a network with
        cross-entropy also ``weight`` (k, d) and ``bias`` (k,), ``decisions`` (k, k): of the network
        by the nearest mean's, and the mean ``train_losses`` and ``test_losses`` of each class (k,).
    """
    features, labels = run.features("train")
    held_out, test_labels = run.features("test")
    k = run.config.model.num_classes
    statistics = ClassStatistics(k, features.shape[1])
    statistics.update(features, labels)
    exact = statistics.means.numel() <= MOST_EXACT
    means = statistics.means.to(torch.float64 if exact else torch.float32)
    norms = features.norm(dim=1)
    found = {
        "means": means,
        "counts": statistics.counts,
        "traces": statistics.traces,
        "variances": projected_variances(features, labels, means),
        "norms": torch.stack([norms.min(), norms.max()]),
    }
    nearest = _nearest(features, means)
    if run.config.loss == "ce":
        found |= _of_classifier(run, (features, labels), (held_out, test_labels), nearest)
    else:
        found["train_confusion"] = count_pairs(labels, nearest, k)
        found["test_confusion"] = count_pairs(test_labels, _nearest(held_out, means), k)
    return {name: values.numpy() for name, values in found.items()}


def _of_classifier(
    run: Run, train: tuple[Tensor, Tensor], test: tuple[Tensor, Tensor], nearest: Tensor
) -> dict[str, Tensor]:
    head, k = run.model().classifier, run.config.model.num_classes
    assert head is not None, "a configuration with cross-entropy has a classifier"
    found = {"weight": head.weight, "bias": head.bias}
    for split, (features, labels) in {"train": train, "test": test}.items():
        logits = head(features)
        decided = logits.argmax(1)
        found[f"{split}_confusion"] = count_pairs(labels, decided, k)
        losses = cross_entropy(logits, labels, reduction="none").double()
        found[f"{split}_losses"] = labels.bincount(losses, k) / labels.bincount(minlength=k)
        if split == "train":
            found["decisions"] = count_pairs(decided, nearest, k)
    return found


def derive(arrays: Arrays) -> dict[str, Any]:
    """The final numbers of a run from its statistics alone, by the names of its history."""
    means, traces, variances = (torch.tensor(arrays[n]) for n in ("means", "traces", "variances"))
    nc1, rank = nc1_from_projections(means, variances)
    found = {
        "nc1": nc1,
        "rank": rank,
        "cdnv": cdnv(means, traces),
        "equinorm": equinorm(means),
        "equiangularity": equiangularity(means),
        "etf_distance": gram_distance(means, "etf"),
        "of_distance": gram_distance(means, "of"),
        "mean_cosine": mean_cosine(means, centre=False),
        "normalised": bool((np.abs(arrays["norms"] - 1) <= _UNIT).all()),
        "train_accuracy": share_on_diagonal(arrays["train_confusion"]),
        "test_accuracy": share_on_diagonal(arrays["test_confusion"]),
    }
    if "weight" in arrays:
        found["self_duality"] = self_duality(torch.tensor(arrays["weight"]), means)
        found["ncc_disagreement"] = 1 - share_on_diagonal(arrays["decisions"])
        for split in ("train", "test"):
            counts = arrays[f"{split}_confusion"].sum(1)
            found[f"{split}_loss"] = float(np.average(arrays[f"{split}_losses"], weights=counts))
    return found


def count_pairs(first: Tensor, second: Tensor, num_classes: int) -> Tensor:
    """How often each class of the first comes with each of the second, (k, k) int32."""
    counts = (first * num_classes + second).bincount(minlength=num_classes**2)
    return counts.view(num_classes, num_classes).int()


def share_on_diagonal(counts: NDArray[Any]) -> float:
    """The share of what was counted in which both classes are the same."""
    return float(counts.trace() / counts.sum())


def _nearest(features: Tensor, means: Tensor) -> Tensor:
    """The class of the nearest mean, (n,)."""
    anchors = means.double()
    parts = [torch.cdist(part.double(), anchors).argmin(1) for part in features.split(_ROWS)]
    return torch.cat(parts)
