"""``ncbook runs``: the store of training runs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ncbook.cli.console import console, duration, print_table, size

if TYPE_CHECKING:
    from ncbook.lab.listing import RunRecord
    from ncbook.lab.runs import Run

app = typer.Typer(no_args_is_help=True, help="List, show, remove and export training runs.")

Prefix = Annotated[str, typer.Argument(help="The beginning of a run's id.", metavar="ID")]
Prefixes = Annotated[list[str], typer.Argument(help="Beginnings of ids.", metavar="ID...")]
COLUMNS = ("epoch", "loss", "train_accuracy", "test_accuracy", "nc1", "etf_distance", "of_distance")


@app.command("list", epilog="Example: ncbook runs list")
def list_() -> None:
    """Show all runs, the newest first."""
    from ncbook.lab.listing import list_runs

    records = list_runs()
    if not records:
        console().print("No runs yet. Example: ncbook train ce --profile smoke")
        return
    heads = ("Id", "Run", "State", "Epochs>", "Trained for>", "Made", "Size>")
    print_table(heads, map(row, records))


@app.command(epilog="Example: ncbook runs show 3f2a")
def show(prefix: Prefix) -> None:
    """Show a run's configuration, where it comes from, and its history."""
    from ncbook.lab.runs import find_run

    run = find_run(prefix)
    facts = flat(run.config.to_dict()) | flat(run.provenance) | {"folder": run.folder}
    print_table(("Setting", "Value"), facts.items(), title=f"Run {run.id}")
    print_history(run)


@app.command(epilog="Example: ncbook runs rm 3f2a 91c0")
def rm(prefixes: Prefixes) -> None:
    """Remove runs from the store, in whatever state they are."""
    from ncbook.lab.runs import remove_run

    for prefix in prefixes:
        console().print(f"Removed {remove_run(prefix)}", markup=False)


@app.command(epilog="Example: ncbook runs export 3f2a ./for-a-colleague")
def export(
    prefix: Prefix, target: Annotated[Path, typer.Argument(help="The folder to copy it into.")]
) -> None:
    """Copy a finished run, with its checksums, into another folder."""
    from ncbook.lab.runs import export_run

    console().print(f"Exported to {export_run(prefix, target)}", markup=False)


def row(record: "RunRecord") -> tuple[object, ...]:
    """A line of the list."""
    r = record
    return r.id, r.label, r.state, r.epochs, duration(r.seconds), r.created, size(r.bytes)


def print_history(run: "Run") -> None:
    """Print what was measured, one line a measured epoch."""
    rows = ([number(row.get(name)) for name in COLUMNS] for row in run.history)
    print_table([name + ">" for name in COLUMNS], rows)


def number(value: float | None) -> str:
    """A measured value, short enough for a column."""
    return "" if value is None else f"{value:.4g}"


def flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested dictionaries as one, its keys joined by dots."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        found |= (
            flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
        )
    return found
