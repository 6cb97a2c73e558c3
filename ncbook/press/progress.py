"""What a reader sees while chapters execute, and the table at the end."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

from ncbook.press.kernel import Execution

Status = Literal["executed", "current", "failed"]


@dataclass(frozen=True)
class Record:
    """What became of one chapter.

    Attributes:
        chapter: its name.
        status: ``executed`` now, ``current`` (nothing changed since it was), or ``failed``.
        seconds: how long it took when it was executed.
        peak_memory: bytes, of the kernel and its child processes.
        trained, loaded: runs trained in it, and runs found in the store.
        note: why it was executed, or what made it fail.
    """

    chapter: str
    status: Status
    seconds: float = 0.0
    peak_memory: int = 0
    trained: int = 0
    loaded: int = 0
    note: str = ""


class Watch:
    """Follows executions on the terminal: which chapter, which cell, how long."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._progress = Progress(
            TextColumn("{task.description}: code cell"),
            MofNCompleteColumn(),
            BarColumn(bar_width=24),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._executions: dict[TaskID, Execution] = {}
        self._lock = threading.Lock()  # a chapter ends in its own thread, maybe while looked at

    def __enter__(self) -> "Watch":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    @contextmanager
    def following(self, chapter: str, execution: Execution) -> Iterator[None]:
        """Show an execution until the end of the block."""
        with self._lock:
            task = self._progress.add_task(chapter, total=execution.code_cells)
            self._executions[task] = execution
        try:
            yield
        finally:
            with self._lock:
                del self._executions[task]
                self._progress.remove_task(task)

    def look(self) -> None:
        """Bring everything up to date; to be called a few times a second."""
        with self._lock:
            for task, execution in self._executions.items():
                execution.look()
                self._progress.update(task, completed=execution.code_cell)

    def stop(self) -> None:
        """End all executions at once."""
        with self._lock:
            for execution in self._executions.values():
                execution.stop()

    def say(self, line: str) -> None:
        """Print a line above the progress."""
        self._console.print(Text(line), soft_wrap=True)


def print_records(records: Sequence[Record]) -> None:
    """Print what became of the chapters, and how long they took."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("Chapter", overflow="fold")
    for head in ("Time", "Memory", "Runs trained, loaded"):
        table.add_column(head, justify="right")
    table.add_column("Status")
    for record in records:
        runs = f"{record.trained}, {record.loaded}" if record.trained or record.loaded else "–"
        cells = (seconds(record.seconds), megabytes(record.peak_memory), runs, record.status)
        table.add_row(record.chapter, *cells)
    Console(highlight=False).print(table)


def seconds(value: float) -> str:
    """``41 s``, ``2 min 05 s``; a dash for nothing."""
    if not value:
        return "–"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{value:.1f} s"


def megabytes(value: int) -> str:
    """``812 MB``; a dash for nothing."""
    return f"{value / 1e6:.0f} MB" if value else "–"
