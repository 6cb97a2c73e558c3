"""``ncbook reproduce``: the papers' experiments at full size."""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ncbook.cli.checkout import find_checkout
from ncbook.cli.console import console, duration, print_table
from ncbook.cli.options import Cluster, DataDir, Device, Workers
from ncbook.errors import NcbookError

if TYPE_CHECKING:
    from ncbook.lab.outcome import Outcome
    from ncbook.lab.reproduce.matrix import Row
    from ncbook.lab.reproduce.status import RowStatus
    from ncbook.press.book import Book

app = typer.Typer(
    no_args_is_help=True,
    help="Reproduce the three papers: list, run, follow and collect the declared matrix of runs.",
)

Names = Annotated[
    list[str] | None,
    typer.Argument(help="Rows, with * for anything; all if none is named.", metavar="ROW..."),
]


def known_matrix(name: str) -> str:
    """The name, if the matrix has such a profile.

    Raises:
        NcbookError: if it hasn't (exit code 2).
    """
    if name not in ("paper", "smoke"):
        raise NcbookError(f"The matrix has no profile {name!r}", "Use one of paper, smoke", 2)
    return name


Size = Annotated[
    str,
    typer.Option(
        "--profile", callback=known_matrix, help="paper: full size; smoke: the size of the tests."
    ),
]


@app.command("list", epilog="Example: ncbook reproduce list 'geometry-resnet18-cifar10-*'")
def list_(names: Names = None, profile: Size = "paper") -> None:
    """Show the rows: what each trains, and for which paper."""
    rows = chosen(names, profile)
    print_table(("Row", "Paper", "Run", "Epochs>"), map(described, rows))
    console().print(f"{len(rows)} rows")


@app.command(epilog="Example: ncbook reproduce run 'bottleneck-resnet50-cifar10-*'")
def run(
    names: Names = None,
    profile: Size = "paper",
    device: Device = "auto",
    data_dir: DataDir = None,
    cluster: Cluster = None,
    workers: Workers = None,
) -> None:
    """Train rows that the store lacks; what was interrupted goes on from its last checkpoint.

    Here one after the other; under torchrun each by all its ranks; with --cluster side by side.
    """
    rows = chosen(names, profile)
    failed = []
    for outcome in outcomes(rows, device, data_dir, cluster, workers):
        report(outcome)
        if not outcome.finished:
            failed.append(outcome.name)
    if failed:
        raise NcbookError(
            f"{len(failed)} of {len(rows)} rows failed: {', '.join(failed[:3])}"
            + (" and others" if len(failed) > 3 else ""),
            "The lines above say why; run the same command again when that is mended",
        )


@app.command(epilog="Example: ncbook reproduce status 'terminal-*'")
def status(names: Names = None, profile: Size = "paper", data_dir: DataDir = None) -> None:
    """Show what is done, running, waiting or failed, and the hours spent and left."""
    from ncbook.lab.reproduce.status import survey

    found = survey(chosen(names, profile), data_dir)
    begun = [line for line in found if line.state != "waiting" or line.epochs]
    if begun:
        columns = ("Row", "State", "Run", "Epochs>", "Spent>", "Left>", "Note")
        print_table(columns, map(progress, begun))
    heads = ("Block", "Done>", "Running>", "Waiting>", "Failed>", "Spent>", "Left>")
    print_table(heads, sums(found))
    for reason, count in Counter(s.note for s in found if s.state == "waiting" and s.note).items():
        if not begun or reason not in {line.note for line in begun}:
            console().print(f"{count} wait: {reason}", markup=False)


@app.command(epilog="Example: ncbook reproduce collect")
def collect(profile: Size = "paper") -> None:
    """Write the reference result of each finished row, and show it on the pages if they are built.

    Results of the paper profile go to reference/, to be kept; small ones to _build/reference-smoke.
    """
    from ncbook.lab.reproduce.collect import collect as collect_results
    from ncbook.lab.reproduce.matrix import load_matrix
    from ncbook.press.book import Book

    book = Book(find_checkout())
    folder = book.reference if profile == "paper" else book.made / "reference-smoke"
    found = collect_results(load_matrix(profile), folder)
    for name in found.written:
        console().print(f"Written: {folder / name}.json", markup=False)
    for line in (*(f"{name}: {why}" for name, why in found.refused.items()), *found.notes):
        console().print(line, markup=False)
    counts = len(found.written), len(found.unchanged), len(found.waiting), len(found.refused)
    console().print("{} written, {} unchanged, {} waiting, {} refused".format(*counts))
    if found.written and profile == "paper":
        refresh(book)


def refresh(book: "Book") -> None:
    """Make the site anew, if there is one, for its claims page to show what was collected."""
    from ncbook.press import site

    if not book.html.is_dir():
        console().print("`ncbook build` shows them on the claims page", markup=False)
        return
    console().print(f"The claims are in {site.build(book, 'laptop').with_name('book')}/claims.html")


def chosen(names: list[str] | None, profile: str) -> "list[Row]":
    """The rows that the command line names."""
    from ncbook.lab.reproduce.matrix import load_matrix

    return load_matrix(profile).find(names or [])


def described(row: "Row") -> tuple[object, ...]:
    """A line of the list."""
    return row.name, row.paper, row.config.label, row.config.epochs


def outcomes(
    rows: "list[Row]",
    device: str,
    data_dir: Path | None,
    cluster: str | None,
    workers: int | None,
) -> "Iterator[Outcome]":
    """Train the rows here or on a cluster, and tell of each as it ends."""
    from ncbook.lab.reproduce.work import train_rows

    if cluster is None:
        if workers:
            raise NcbookError("--workers is for a cluster", "Add --cluster local", 2)
        return train_rows(rows, device, data_dir)
    from ncbook.lab.cluster import train_on_cluster

    configs = {row.name: row.config for row in rows}
    return train_on_cluster(configs, cluster, workers=workers, device=device, data_dir=data_dir)


def report(outcome: "Outcome") -> None:
    """Say what became of a row."""
    ending = f"done, trained in {duration(outcome.seconds)}, run {outcome.run_id}"
    said = ending if outcome.finished else f"failed: {outcome.cause}. {outcome.cure}."
    console().print(f"{outcome.name}: {said}", markup=False)


def progress(line: "RowStatus") -> tuple[object, ...]:
    """A row that was begun, as a line of the table."""
    epochs = f"{line.epochs} of {line.row.config.epochs}"
    times = duration(line.seconds), hours(line.left)
    return line.row.name, line.state, line.run_id, epochs, *times, line.note


def sums(found: "list[RowStatus]") -> Iterator[tuple[object, ...]]:
    """A line for each block, and one for all."""
    blocks = list(dict.fromkeys(line.row.block for line in found))
    for block in blocks:
        yield block, *totals([line for line in found if line.row.block == block])
    if len(blocks) > 1:
        yield "all", *totals(found)


def totals(lines: "list[RowStatus]") -> tuple[object, ...]:
    """How many in each state, and their hours spent and left."""
    from ncbook.lab.reproduce.status import STATES

    count = Counter(line.state for line in lines)
    left = total(line.left for line in lines)
    return *(count[state] for state in STATES), hours(sum(s.seconds for s in lines)), hours(left)


def total(parts: Iterable[float | None]) -> float | None:
    """The sum, or None if a part isn't known."""
    known = list(parts)
    return None if None in known else sum(part for part in known if part is not None)


def hours(seconds: float | None) -> str:
    """Seconds as hours, or a question mark for what nothing has been timed for."""
    return "?" if seconds is None else f"{seconds / 3600:.2f} h"
