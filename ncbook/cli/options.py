"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

Profile = Annotated[
    str, typer.Option(help="How large the experiments are: smoke, laptop, gpu or paper.")
]
Seed = Annotated[int, typer.Option(help="The first seed; more are counted upwards from it.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
DataDir = Annotated[
    Path | None,
    typer.Option(help="A folder that holds the data set, in torchvision's layout.", metavar="PATH"),
]
Jobs = Annotated[int, typer.Option(min=1, help="How many chapters to execute at once.")]
Force = Annotated[bool, typer.Option("--force", help="Execute chapters that are up to date too.")]
