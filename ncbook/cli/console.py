"""Tables and numbers as the commands print them."""

import sys
from collections.abc import Iterable, Iterator

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

LONG = 500  # rows that Rich takes a second for
PIPED_WIDTH = 200  # a file or pipe has no width of its own, and Rich's 80 would cut ids and paths


def console() -> Console:
    """Where results go: standard output, wide enough for whole lines when it is no terminal."""
    return Console(width=None if sys.stdout.isatty() else PIPED_WIDTH, highlight=False)


def print_table(columns: Iterable[str], rows: Iterable[Iterable[object]], title: str = "") -> None:
    """Print rows under column heads; a head that ends in ``>`` has its column flush right."""
    heads, lines = list(columns), [list(map(str, row)) for row in rows]
    if len(lines) > LONG:
        print("\n".join(plain(heads, lines)))
        return
    table = Table(box=SIMPLE_HEAD, title=title or None, title_justify="left", pad_edge=False)
    for head in heads:
        right = head.endswith(">")
        table.add_column(head.rstrip(">"), justify="right" if right else "left", overflow="fold")
    for row in lines:
        # Text, since a plain string's [brackets] would be read as markup.
        table.add_row(*(Text(cell) for cell in row))
    console().print(table)


def plain(columns: list[str], rows: list[list[str]]) -> Iterator[str]:
    """The lines of a table too long for Rich, which weighs every word."""
    lines = [[head.rstrip(">") for head in columns], *rows]
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    for line in lines:
        fields = zip(columns, widths, line, strict=True)
        yield "   ".join(
            cell.rjust(width) if head.endswith(">") else cell.ljust(width)
            for head, width, cell in fields
        ).rstrip()


def size(count: int) -> str:
    """A number of bytes with a unit: ``184 MB``."""
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if amount >= 10 or unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def duration(seconds: float) -> str:
    """A time span: ``0.4 s``, ``12 s``, ``3 min 05 s``."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s"
