"""When the learning rate falls and when a run is measured."""

import numpy as np

# 2306.07960's code: 350 epochs, the rate falls tenfold at 116 and at 232.
DROPS = (1 / 3, 2 / 3)
FACTOR = 0.1


def learning_rate(initial: float, epoch: int, epochs: int) -> float:
    """The rate in ``epoch`` (counted from 0) of ``epochs``."""
    drops = sum(epoch >= int(epochs * drop) for drop in DROPS)
    return initial * FACTOR**drops


def measured_epochs(epochs: int, count: int) -> list[int]:
    """About ``count`` epochs to measure at, spaced evenly in log(1 + epoch), with 0 and ``epochs``.

    Collapse is fast at first and then slows down like a power of time, so equal steps in the logarithm
    show every phase with few measurements.
    """
    grid = np.geomspace(1, epochs + 1, min(count, epochs + 1)) - 1
    return sorted({int(round(point)) for point in grid})
