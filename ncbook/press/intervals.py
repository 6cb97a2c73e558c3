"""The one kind of interval that the book shows."""

from typing import Any

import numpy as np
from scipy import stats


def t_interval(values: Any) -> tuple[Any, Any, Any]:
    """Lower end, mean and upper end of the 95 % t interval for the mean along the first axis.

    mean ± t(0.975, n−1)·s/√n, s the standard deviation of the n values. With one value there is no
    interval, and both ends are the value.
    """
    values = np.asarray(values, dtype=float)
    n, mean = len(values), values.mean(axis=0)
    if n == 1:
        return mean, mean, mean
    half = stats.t.ppf(0.975, n - 1) * values.std(axis=0, ddof=1) / np.sqrt(n)
    return mean - half, mean, mean + half
