"""When the learning rate falls and when a run is measured."""

import numpy as np

from ncbook.lab.config import RunConfig


def learning_rate(config: RunConfig, epoch: int) -> float:
    """The rate in ``epoch``, counted from 0."""
    if config.schedule == "constant":
        return config.lr
    if config.schedule == "linear":
        return config.lr * (1 - epoch / config.epochs)
    thirds = sum(epoch >= config.epochs * part // 3 for part in (1, 2))
    return config.lr * 0.1**thirds


def measured_epochs(epochs: int, count: int) -> list[int]:
    """About ``count`` epochs to measure at, spaced evenly in log(1 + epoch), with 0 and ``epochs``.

    Collapse is fast at first and then slows down like a power of time, so equal steps in the
    logarithm show every phase with few measurements.
    """
    grid = np.geomspace(1, epochs + 1, max(2, min(count, epochs + 1))) - 1
    return sorted({round(float(point)) for point in grid})
