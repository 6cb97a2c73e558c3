"""Runs of known lengths on a number of devices: when the last one ends."""

import heapq
from collections.abc import Iterable
from dataclasses import dataclass

from ncbook.errors import NcbookError


@dataclass(frozen=True)
class Spread:
    """Whole runs on so many devices, none of them cut.

    Attributes:
        devices: how many.
        makespan: hours until the last run ends.
        busy: hours of all runs together.
        longest: hours of the longest run; no number of devices ends earlier than this, unless
            several share each of its batches.
    """

    devices: int
    makespan: float
    busy: float
    longest: float

    @property
    def efficiency(self) -> float:
        """The share of the devices' hours in which something runs, from 0 to 1."""
        return self.busy / (self.devices * self.makespan)


def spread(hours: Iterable[float], devices: int) -> Spread:
    """The longest run first, each on the device that is free first.

    The last run ends at most 4/3 − 1/(3m) times as late as in the best of all plans for m devices
    (Graham 1969, *Bounds on multiprocessing timing anomalies*, theorem 2).

    Args:
        hours: of each run, above 0.
        devices: m, at least 1.

    Raises:
        NcbookError: without a run or a device (exit code 2).
    """
    lengths = sorted(hours, reverse=True)
    if not lengths or devices < 1:
        raise NcbookError(
            f"{len(lengths)} runs can't be spread over {devices} devices",
            "Name at least one of each",
            2,
        )
    free = [0.0] * min(devices, len(lengths))  # when each device is next free, a heap
    for length in lengths:
        heapq.heapreplace(free, free[0] + length)
    return Spread(devices, max(free), sum(lengths), lengths[0])
