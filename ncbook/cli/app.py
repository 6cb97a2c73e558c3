"""The root command: global options, and where each group of commands is."""

from typing import Annotated

import typer

import ncbook
from ncbook.cli import (
    bench,
    chapters,
    claims,
    classroom,
    clean,
    colab,
    data,
    doctor,
    pdf,
    reproduce,
    runs,
    serve,
    train,
)
from ncbook.cli.errors import ReportingGroup

app = typer.Typer(
    name="ncbook",
    cls=ReportingGroup,
    no_args_is_help=True,
    add_completion=False,
    help="Neural Collapse, Executed: train its experiments, execute its chapters, build its pages.",
    epilog="Exit codes: 0 done, 1 the work failed, 2 it was asked for wrongly, 130 interrupted.",
)


def print_version(wanted: bool) -> None:
    """Print the version and stop, if it was asked for."""
    if wanted:
        print(ncbook.__version__)
        raise typer.Exit


@app.callback()
def root(
    debug: Annotated[
        bool,
        typer.Option("--debug", envvar="NCBOOK_DEBUG", help="Show the traceback of an error."),
    ] = False,
    version: Annotated[
        bool,
        typer.Option("--version", callback=print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Options that come before the command."""


COMMANDS = (
    (doctor.doctor, "Example: ncbook doctor"),
    (chapters.run, "Example: ncbook run 01 --profile smoke"),
    (chapters.build, "Example: ncbook build --profile laptop --jobs 2"),
    (serve.serve, "Example: ncbook serve --port 8000"),
    (pdf.pdf, "Example: ncbook pdf 05"),
    (train.train, "Example: ncbook train ce --profile laptop --seed 0"),
    (claims.claims, "Example: ncbook claims --profile laptop"),
    (colab.colab, "Example: ncbook colab 05 --profile laptop"),
    (bench.bench, "Example: ncbook bench supcon"),
    (clean.clean, "Example: ncbook clean"),
)
for function, example in COMMANDS:
    app.command(epilog=example)(function)
app.add_typer(classroom.app, name="classroom")
app.add_typer(data.app, name="data")
app.add_typer(reproduce.app, name="reproduce")
app.add_typer(runs.app, name="runs")
