"""``ncbook bench``: the measurements behind the book's figures for speed and memory."""

import ast
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from ncbook.cli.checkout import find_checkout
from ncbook.cli.console import console, print_table
from ncbook.errors import NcbookError


def bench(
    names: Annotated[
        list[str] | None, typer.Argument(help="Benchmarks to run.", metavar="NAME...")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Run all of them.")] = False,
) -> None:
    """List the benchmarks, or run those that are named.

    Each compares the package with a peer in one process, so that ratios hold on a busy machine.
    """
    known = scripts()
    chosen = list(known) if everything else names or []
    for name in chosen:
        if name not in known:
            raise NcbookError(f"There is no benchmark {name!r}", f"Known are {', '.join(known)}", 2)
    if not chosen:
        print_table(("Name", "What it measures"), ((n, purpose(p)) for n, p in known.items()))
        return
    failed = [name for name in chosen if run(name, known[name]) != 0]
    if failed:
        raise NcbookError(f"Failed: {', '.join(failed)}", "Their own lines above say why")


def scripts() -> dict[str, Path]:
    """The benchmark scripts of this checkout, by name.

    Raises:
        NcbookError: outside a checkout.
    """
    found = sorted((find_checkout() / "benchmarks").glob("[!_]*.py"))
    main = "if __name__ =="  # what a script has and a helper of scripts has not
    return {path.stem: path for path in found if main in path.read_text(encoding="utf-8")}


def purpose(path: Path) -> str:
    """The first line of a script's docstring."""
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return docstring.partition("\n")[0]


def run(name: str, path: Path) -> int:
    """Run one script in a process of its own, so that none measures what another left in memory."""
    console().rule(name)
    return subprocess.run([sys.executable, str(path)], check=False).returncode
