"""Progress bars for what takes longer than a moment; they vanish when done.

They go to the terminal's stderr and nowhere else: in a notebook they would end up on the page.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)


@contextmanager
def downloading(label: str, total: int, done: int) -> Iterator[Callable[[int], None]]:
    """A bar in bytes, from ``done`` to ``total``; yields the function that moves it on."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with _bar(*columns) as bar:
        task = bar.add_task(label, total=total, completed=done)
        yield lambda count: bar.advance(task, count)


@contextmanager
def waiting(label: str) -> Iterator[None]:
    """A spinner with the time gone by, for work whose length isn't known."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with _bar(*columns) as bar:
        bar.add_task(label, total=None)
        yield


def _bar(*columns: ProgressColumn) -> Progress:
    console = Console(stderr=True, force_jupyter=False)
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
