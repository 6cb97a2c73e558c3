"""Critical β of collapsed features from NC1 alone, in the symmetric Gaussian model.

k balanced classes, class means at a simplex ETF, isotropic noise of variance σ² within classes:
Σ_B = b P with P of rank k − 1, so (k/(k−1)) NC1 = σ²/b. Against a second view with the same means
and independent noise, k − 1 canonical correlations equal b/(b+σ²); against one-hot labels, their
squares do. All k − 1 transitions coincide, and NC1 → 0 moves them to β = 1.
"""

import math


def view_critical_beta(nc1: float, num_classes: int) -> float:
    """β_c = (1 + (k/(k−1)) NC1)² of one view against another.

    Args:
        nc1: NC1 = tr(Σ_W Σ_B⁺)/k ≥ 0, as ``measure_collapse`` reports it.
        num_classes: k ≥ 2.

    Raises:
        ValueError: naming the argument that is out of range.
    """
    return label_critical_beta(nc1, num_classes) ** 2


def label_critical_beta(nc1: float, num_classes: int) -> float:
    """β_c = 1 + (k/(k−1)) NC1 of a view against one-hot labels; arguments as the other."""
    if not 0 <= nc1 < math.inf:
        raise ValueError(f"nc1: expected a finite number ≥ 0, got {nc1!r}")
    if num_classes < 2:
        raise ValueError(f"num_classes: expected at least 2, got {num_classes!r}")
    return 1 + num_classes / (num_classes - 1) * float(nc1)
