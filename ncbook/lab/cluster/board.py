"""What a reader sees while a cluster trains: how many runs are done, and where the others are."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tqdm import tqdm

SHOWN = 3  # runs at a time; the dashboard shows all


class Board:
    """A progress bar of runs, with the epochs of those that are running.

    Args:
        runs: name and number of epochs of each run, by its task's key.
    """

    def __init__(self, runs: Mapping[str, tuple[str, int]]) -> None:
        self._runs = runs
        self._epochs: dict[str, int] = {}
        self._hidden = False
        self._bar: tqdm[Any] = tqdm(total=len(runs), unit="run", file=sys.stderr, leave=False)

    def __enter__(self) -> "Board":
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def hear(self, event: tuple[float, dict[str, Any]]) -> None:
        """A task tells its epoch; comes from the client's own thread."""
        _, said = event
        if said["key"] in self._runs:
            self._epochs[said["key"]] = said["epoch"]
            self._show()

    def done(self, key: str) -> None:
        """A run has ended."""
        self._epochs.pop(key, None)
        self._bar.update()
        self._show()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Leaves the terminal to whoever prints during the block."""
        self._hidden = True
        self._bar.clear()
        try:
            yield
        finally:
            self._hidden = False

    def _show(self) -> None:
        if self._hidden:
            return
        running = [(*self._runs[key], epoch) for key, epoch in list(self._epochs.items())]
        words = [f"{name} {epoch}/{epochs}" for name, epochs, epoch in running[:SHOWN]]
        rest = len(running) - SHOWN
        self._bar.set_postfix_str(", ".join(words) + (f", {rest} more" if rest > 0 else ""))
