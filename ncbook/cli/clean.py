"""``ncbook clean``: remove what was made."""

import shutil
from pathlib import Path
from typing import Annotated

import typer

from ncbook.cli.checkout import find_checkout
from ncbook.cli.console import console, size
from ncbook.errors import NcbookError


def clean(
    cache: Annotated[
        bool, typer.Option("--cache", help="Also every data set and training run, after asking.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
) -> None:
    """Remove the executed chapters and the built site; training runs and data sets stay."""
    from ncbook.lab.paths import assets_dir, data_dir, runs_dir

    remove(find_checkout() / "_build")
    if cache:
        folders = [data_dir(), runs_dir(), assets_dir()]
        total = size(sum(map(weight, folders)))
        if not yes:
            typer.confirm(f"Remove {total} of data sets and training runs?", abort=True)
        for folder in folders:
            remove(folder)


def weight(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def remove(folder: Path) -> None:
    """Remove a folder, if it is there, and say how much that freed."""
    if not folder.exists():
        console().print(f"{folder} isn't there", markup=False)
        return
    freed = size(weight(folder))
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise NcbookError(
            f"Can't remove {error.filename} ({error.strerror})",
            "End the program that uses it, or remove it by hand",
        ) from error
    console().print(f"Removed {folder} ({freed})", markup=False)
