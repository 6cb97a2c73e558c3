"""Entropy and mutual information of finite distributions, in nats."""

from numpy.typing import ArrayLike
from scipy.special import entr, rel_entr

from ncbook.ib._inputs import distribution


def entropy(probabilities: ArrayLike) -> float:
    """H = −Σ p log p, from 0 (certainty) to log of the number of outcomes (uniform), in nats.

    Args:
        probabilities: (n,) ≥ 0, summing to 1 within 1e-9; zeros count for nothing.

    Raises:
        ValueError: if ``probabilities`` is not that.
    """
    return float(entr(distribution("probabilities", probabilities, 1)).sum())


def mutual_information(joint: ArrayLike) -> float:
    """I(X;Y) = Σ p(x, y) log p(x, y)/(p(x)p(y)), from 0 to min(H(X), H(Y)), in nats.

    Args:
        joint: (|X|, |Y|) = p(x, y) ≥ 0, summing to 1 within 1e-9; zeros count for nothing.

    Raises:
        ValueError: if ``joint`` is not that.
    """
    p = distribution("joint", joint, 2)
    rows = p[p.sum(1) > 0]
    weights = rows.sum(1)
    gains = rel_entr(rows / weights[:, None], p.sum(0)).sum(1)  # p(x)p(y) itself may underflow
    return max(0.0, float(weights @ gains))  # rounding may fall below zero
