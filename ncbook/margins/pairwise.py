"""Pairwise margins, streamed: by how much a class outscores another on its own samples."""

import math

import torch
from torch import Tensor

from ncbook._checks import check_labels, check_matrix
from ncbook.margins._inputs import (
    check_classifier,
    check_dim,
    check_present,
    check_range,
    double,
    work_device,
)

# Features are read in float64 chunks of this many entries, 8 MiB.
_CHUNK_ENTRIES = 2**20


def pairwise_margins(
    features: Tensor, labels: Tensor, weight: Tensor, bias: Tensor | None = None
) -> Tensor:
    """γ_ij = min over the samples of class i of (w_i − w_j)·h + b_i − b_j.

    Positive for all j ≠ i iff every sample of class i is classified right. Unnormalised: it grows
    with the scale of the weight and of the features, see ``MarginStatistics.normalised``.

    Args:
        features: (n, d), any floating dtype, at least one sample of each class.
        labels: (n,) integers in 0 … k−1.
        weight: (k, d) of the linear classifier.
        bias: (k,); zero if not given.

    Returns:
        (k, k) float64 on the CPU, in the units of the logits; infinite on the diagonal.

    Raises:
        ValueError: naming the argument: wrong shape, dtype or length, NaN or infinity, one class
            only, a label out of range, or a class without a sample.
    """
    statistics = MarginStatistics(weight, bias)
    statistics.update(features, labels)
    return statistics.minimum


class MarginStatistics:
    """Least, mean and standard deviation of (w_i − w_j)·h + b_i − b_j over the h of class i.

    Streamed in one pass and mergeable, in float64 whatever the dtype of the features, in memory of
    O((k + d)·chunk + k²) beyond them. Means and deviations are combined by the pairwise update of
    Chan, Golub & LeVeque (1979), which subtracts no large sums.

    Args:
        weight: (k, d) of the linear classifier, k ≥ 2; copied.
        bias: (k,); zero if not given.

    Attributes:
        counts: (k,) int64, samples seen of each class.

    Raises:
        ValueError: naming the argument, if a shape or dtype is wrong, an entry is NaN or infinite,
            or there is one class only.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        check_classifier(weight, bias)
        k = len(weight)
        self._weight = double(weight).clone()
        self._bias = torch.zeros(k, dtype=torch.float64) if bias is None else double(bias).clone()
        self.counts = torch.zeros(k, dtype=torch.int64)
        self._least = torch.full((k, k), math.inf, dtype=torch.float64)
        self._mean = torch.zeros(k, k, dtype=torch.float64)
        self._scatter = torch.zeros(k, k, dtype=torch.float64)  # Σ (m_ij − mean)²
        self._norms = 0.0  # Σ ‖h‖

    @property
    def minimum(self) -> Tensor:
        """(k, k) float64 γ_ij, infinite on the diagonal; ValueError while a class is missing."""
        return self._off_diagonal(self._least)

    @property
    def mean(self) -> Tensor:
        """(k, k) float64 mean margins, infinite on the diagonal; ValueError as ``minimum``."""
        return self._off_diagonal(self._mean)

    @property
    def spread(self) -> Tensor:
        """(k, k) float64 standard deviations (dividing by n_i), otherwise as ``minimum``."""
        check_present(self.counts)
        return self._off_diagonal((self._scatter / self.counts.unsqueeze(1)).sqrt())

    @property
    def scale(self) -> float:
        """‖W‖_F times the mean of ‖h‖ over all samples seen; ValueError as ``minimum``."""
        check_present(self.counts)
        return float(self._weight.norm()) * self._norms / int(self.counts.sum())

    def normalised(self, margins: Tensor) -> Tensor:
        """Margins of this classifier divided by ``scale``: γ̄_ij, comparable across epochs.

        Rescaling the weight (with the bias) or, without a bias, the features leaves them as they
        are. For a unit-norm simplex ETF with weight ∝ features they are √k/(k−1).

        Args:
            margins: ``minimum``, ``mean`` or ``spread``, or any part of them.

        Raises:
            ValueError: naming ``weight`` or ``features``, if it is zero throughout; while a class
                has no sample.
        """
        scale = self.scale
        if scale == 0:
            zero = "features" if self._norms == 0 else "weight"
            raise ValueError(f"{zero}: zero throughout, so margins have no scale")
        return margins / scale

    def update(self, features: Tensor, labels: Tensor) -> None:
        """Add a batch of any size, one sample included.

        Args:
            features: (n, d), any floating dtype, any device.
            labels: (n,) integers in 0 … k−1.

        Raises:
            ValueError: naming the argument, if a shape or dtype is wrong, a label is out of range
                or a feature is NaN or infinite. The statistics are then as they were before.
        """
        check_matrix("features", features)
        check_dim(features, self._weight)
        check_labels(labels, len(features))
        check_range(labels, len(self._weight))
        device, size = work_device(features), sum(self._weight.shape)
        weight, bias = self._weight.to(device), self._bias.to(device)
        step = max(1, _CHUNK_ENTRIES // size)
        for rows, classes in zip(features.detach().split(step), labels.split(step), strict=True):
            self._add(rows.to(device, torch.float64), classes.to(device).long(), weight, bias)

    def merge(self, other: "MarginStatistics") -> None:
        """Add what another object has seen with the same classifier.

        Raises:
            ValueError: if the other one has another weight or bias.
        """
        same = self._weight.shape == other._weight.shape and bool(
            (self._weight == other._weight).all() and (self._bias == other._bias).all()
        )
        if not same:
            raise ValueError("other: has another weight or bias, so its margins are others")
        self._norms += other._norms
        self._absorb(other.counts, other._least, other._mean, other._scatter)

    def _add(self, rows: Tensor, classes: Tensor, weight: Tensor, bias: Tensor) -> None:
        k = len(weight)
        scores = torch.addmm(bias, rows, weight.T)  # (m, k)
        margins = scores.gather(1, classes.unsqueeze(1)) - scores
        counts = classes.bincount(minlength=k)
        least = scores.new_full((k, k), math.inf)
        least.scatter_reduce_(0, classes.unsqueeze(1).expand_as(margins), margins, "amin")
        sums = scores.new_zeros(k, k).index_add_(0, classes, margins)
        mean = sums / counts.clamp(min=1).unsqueeze(1)
        deviations = (margins - mean[classes]).square()
        scatter = scores.new_zeros(k, k).index_add_(0, classes, deviations)
        self._norms += float(torch.linalg.vector_norm(rows, dim=1).sum())
        self._absorb(counts.cpu(), least.cpu(), mean.cpu(), scatter.cpu())

    def _absorb(self, counts: Tensor, least: Tensor, mean: Tensor, scatter: Tensor) -> None:
        # In float64: the quotient of two integer tensors would be float32.
        share = (counts.double() / (self.counts + counts).clamp(min=1)).unsqueeze(1)  # (k, 1)
        shift = mean - self._mean
        self._scatter += scatter + self.counts.unsqueeze(1) * share * shift.square()
        self._mean += share * shift
        self._least = torch.minimum(self._least, least)
        self.counts += counts

    def _off_diagonal(self, values: Tensor) -> Tensor:
        check_present(self.counts)
        return values.clone().fill_diagonal_(math.inf)
