"""Each sample against each other class: the linear map from classifiers to margins, its adjoint."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from ncbook.margins._inputs import double


@dataclass(frozen=True, eq=False)
class Pairs:
    """W ↦ m_ij = (w_{y_i} − w_j)·h_i for labelled features, without the n(k−1)×kd matrix of it.

    Entries j = y_i, where there is no pair, are zero in margins and have to be in multipliers.
    """

    features: Tensor  # (n, d) float64
    own: Tensor  # (n, k) bool, j = y_i

    @classmethod
    def of(cls, features: Tensor, labels: Tensor, num_classes: int) -> "Pairs":
        """The pairs of checked features and labels."""
        return cls(double(features), one_hot(labels.cpu().long(), num_classes).bool())

    @property
    def shape(self) -> tuple[int, int]:
        """(k, d), of a classifier."""
        return self.own.shape[1], self.features.shape[1]

    def margins(self, weight: Tensor) -> Tensor:
        """m (n, k) of a classifier (k, d)."""
        scores = _product(weight, self.features.T).T
        return scores[self.own].unsqueeze(1) - scores

    def weight(self, multipliers: Tensor) -> Tensor:
        """The adjoint, Σ_ij α_ij (e_{y_i} − e_j) h_iᵀ: (k, d), its rows sum to zero."""
        signed = torch.where(self.own, multipliers.sum(1, keepdim=True), -multipliers)  # (n, k)
        return _product(signed.T, self.features)

    def part(self, rows: Tensor) -> "Pairs":
        """The pairs of these samples."""
        return Pairs(self.features[rows], self.own[rows])

    def least(self, margins: Tensor) -> Tensor:
        """(n,) the least margin of each sample."""
        return margins.masked_fill(self.own, math.inf).amin(1)


def _product(left: Tensor, right: Tensor) -> Tensor:
    """By NumPy, whose BLAS takes about a third of the time of torch's if one factor is thin."""
    return torch.from_numpy(left.numpy() @ right.numpy())
