"""``ncbook run`` and ``ncbook build``: execute the chapters, make the pages."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from ncbook.cli.checkout import find_checkout
from ncbook.cli.console import console, duration
from ncbook.cli.options import (
    Cluster,
    DataDir,
    Device,
    Edition,
    Force,
    Jobs,
    Offline,
    Profile,
    Seed,
)

if TYPE_CHECKING:
    from ncbook.press.book import Edition as EditionName

Chapters = Annotated[
    list[str] | None,
    typer.Argument(help="Chapters, by the beginning of their names; all if none is named."),
]


def run(
    chapters: Chapters = None,
    profile: Profile = "laptop",
    seed: Seed = 0,
    device: Device = "auto",
    data_dir: DataDir = None,
    jobs: Jobs = 1,
    force: Force = False,
    cluster: Cluster = None,
) -> None:
    """Execute chapters whose text or code changed since they were last executed.

    A chapter that fails shows its cell and its error; the others are executed all the same. With
    --cluster they go to its workers, as many at once as there are; a local one starts --jobs.
    """
    from ncbook.press.book import Book

    book, names = Book(find_checkout()), chapters or None
    if cluster is not None:
        from ncbook.press.remote import execute_on_cluster

        execute_on_cluster(book, profile, names, cluster, jobs, seed, device, data_dir, force)
        return
    from ncbook.press.execute import execute

    execute(book, profile, names, jobs, seed, device, data_dir, force)


def build(
    profile: Profile = "laptop",
    edition: Edition = "instructor",
    offline: Offline = False,
    seed: Seed = 0,
    device: Device = "auto",
    data_dir: DataDir = None,
    jobs: Jobs = 1,
    force: Force = False,
    cluster: Cluster = None,
) -> None:
    """Get the data, execute the chapters, and make the site: everything a reader sees.

    What is there and current is not made again.
    """
    begun = time.monotonic()
    from ncbook.press import offline as archive
    from ncbook.press import site
    from ncbook.press.assets import require_mathjax
    from ncbook.press.book import Book

    book = Book(find_checkout(), cast("EditionName", edition))
    if offline:
        require_mathjax()
    prepare_data(data_dir)
    run(None, profile, seed, device, data_dir, jobs, force, cluster)
    index = site.build(book, profile)
    took = duration(time.monotonic() - begun)
    console().print(f"After {took} the book is in {index}", markup=False)
    if offline:
        packed = archive.pack(book.html, book.made / f"{archive.NAME}-{edition}.zip")
        console().print(f"For a machine without a network: {packed}", markup=False)


def prepare_data(data_dir: Path | None) -> None:
    """Get CIFAR-10 before the first chapter asks for it, where its progress can be seen."""
    from ncbook.lab.data import load_dataset

    dataset = load_dataset("cifar10", data_dir)
    console().print(f"Data: {dataset.name}, from {dataset.source}", markup=False)
