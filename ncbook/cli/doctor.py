"""``ncbook doctor``: is everything there that making the book needs?"""

from typing import TYPE_CHECKING

import typer
from rich.text import Text

from ncbook.cli.console import console

if TYPE_CHECKING:
    from ncbook.cli.checks import Finding

MARKS = {
    "ok": ("ok", "green"),
    "missing": ("MISSING", "bold red"),
    "optional": ("optional", "yellow"),
}


def doctor() -> None:
    """Check Python, packages, device, cache, disk, memory, data sets and helper programs.

    Every line that isn't ok says how to mend it. Exit code 1 if something needed is missing.
    """
    from ncbook.cli.checks import findings

    missing = 0
    for finding in findings():
        show(finding)
        missing += finding.state == "missing"
    if missing:
        console().print(f"{missing} needed {'thing is' if missing == 1 else 'things are'} missing.")
        raise typer.Exit(1)
    console().print("Everything that is needed is there.")


def show(finding: "Finding") -> None:
    """Print a finding, and below it the cure if there is one."""
    word, style = MARKS[finding.state]
    console().print(Text.assemble((f"{word:<9}", style), f"{finding.topic}: {finding.detail}"))
    if finding.cure:
        console().print(Text(f"{'':9}to mend: {finding.cure}"))
