"""``ncbook data``: the data sets, where they come from, and whether they are sound."""

from typing import Annotated
from urllib.parse import urlsplit

import typer

from ncbook.cli.console import console, print_table, size
from ncbook.cli.options import DataDir

app = typer.Typer(no_args_is_help=True, help="Get, list and check the data sets.")

Names = Annotated[list[str] | None, typer.Argument(help="Data sets, by name.", metavar="NAME...")]


@app.command("list", epilog="Example: ncbook data list")
def list_() -> None:
    """Show every data set: whether it is cached, and where it came from or would come from."""
    from ncbook.lab.data import list_datasets

    heads = ("Name", "Image", "Classes>", "Cached", "Size>", "Source")
    print_table(
        heads,
        (
            (
                record.name,
                "×".join(map(str, record.shape)),
                record.classes,
                "yes" if record.cached else "no",
                size(record.bytes_on_disk) if record.bytes_on_disk else "",
                record.source if record.cached else "would try " + ", ".join(sources(record.name)),
            )
            for record in list_datasets()
        ),
    )


@app.command(epilog="Example: ncbook data get cifar10 --data-dir ~/data")
def get(names: Names = None, data_dir: DataDir = None) -> None:
    """Download and prepare data sets (cifar10 unless named); what is cached is left alone."""
    from ncbook.lab import data

    for name in names or ["cifar10"]:
        dataset = data.get(name, data_dir)
        counts = f"{len(dataset.train_labels)} + {len(dataset.test_labels)} images"
        console().print(f"{name}: {counts}, from {dataset.source}", markup=False)


@app.command(epilog="Example: ncbook data verify cifar10")
def verify(names: Names = None) -> None:
    """Hash every value of cached data sets (all of them unless named); set damaged files aside."""
    from ncbook.lab import data

    cached = [record.name for record in data.list_datasets() if record.cached]
    for name in names or cached:
        record = data.verify(name)
        console().print(f"{name}: sound, from {record.source}", markup=False)


def sources(name: str) -> list[str]:
    """Where a data set would be looked for, the first first; of an address the host is enough."""
    from ncbook.lab.data.catalogue import CATALOGUE

    known = CATALOGUE[name].sources if name in CATALOGUE else ()
    return [urlsplit(source.label).hostname or source.label for source in known]
