"""Options that several commands share, refused before anything is begun if they name nothing."""

from pathlib import Path
from typing import Annotated

import typer

from ncbook.cli import ctrl_c_waits
from ncbook.errors import NcbookError


def known_profile(name: str) -> str:
    """The name, if there is such a profile.

    Raises:
        NcbookError: if there isn't (exit code 2).
    """
    from ncbook.press.claimfile import PROFILES

    if name not in PROFILES:
        raise NcbookError(f"Unknown profile {name!r}", f"Use one of {', '.join(PROFILES)}", 2)
    return name


def known_device(name: str) -> str:
    """The name, if torch can reach that device here.

    Raises:
        NcbookError: if it can't (exit code 2).
    """
    with ctrl_c_waits():
        from ncbook.lab.device import pick_device
    pick_device(name)
    return name


def known_edition(name: str) -> str:
    """The name, if there is such an edition.

    Raises:
        NcbookError: if there isn't (exit code 2).
    """
    from ncbook.press.book import EDITIONS

    if name not in EDITIONS:
        raise NcbookError(f"Unknown edition {name!r}", f"Use one of {', '.join(EDITIONS)}", 2)
    return name


Edition = Annotated[
    str,
    typer.Option(
        callback=known_edition,
        help="instructor: everything; student: without solutions and teaching notes.",
    ),
]
Offline = Annotated[
    bool,
    typer.Option(
        "--offline", help="Pack the site into one zip that asks no other host for anything."
    ),
]
Profile = Annotated[
    str,
    typer.Option(callback=known_profile, help="The size of it: smoke, laptop, gpu or paper."),
]
Seed = Annotated[int, typer.Option(help="The first seed; more are counted upwards from it.")]
Device = Annotated[str, typer.Option(callback=known_device, help="auto, cpu, cuda or mps.")]
DataDir = Annotated[
    Path | None,
    typer.Option(help="A folder that holds the data set, in torchvision's layout.", metavar="PATH"),
]
Jobs = Annotated[int, typer.Option(min=1, help="How many chapters to execute at once.")]
Force = Annotated[bool, typer.Option("--force", help="Execute chapters that are up to date too.")]
Cluster = Annotated[
    str | None,
    typer.Option(
        help="Work on a Dask cluster: the address of its scheduler, or `local` to start one here.",
        metavar="ADDRESS",
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(min=1, help="Of a local cluster; one for each GPU, else for each core."),
]
