"""``ncbook classroom``: the exercises as assignments."""

from pathlib import Path
from typing import Annotated

import typer

from ncbook.cli.chapters import Chapters
from ncbook.cli.checkout import find_checkout
from ncbook.cli.console import console

app = typer.Typer(no_args_is_help=True, help="Hand the exercises out and grade them.")


@app.callback()
def classroom() -> None:
    """Keeps `export` a command of its own while it is the only one."""


@app.command(epilog="Example: ncbook classroom export 01 05 --to ./course")
def export(
    chapters: Chapters = None,
    to: Annotated[Path, typer.Option(help="The course's folder.")] = Path("course"),
) -> None:
    """Write a folder for nbgrader: an assignment for each chapter, its solutions in the source.

    There, `nbgrader generate_assignment NAME` makes the version for students.
    """
    from ncbook.press.book import Book
    from ncbook.press.classroom.assignment import write_course
    from ncbook.press.pages import title

    book = Book(find_checkout())
    names = book.find(chapters or None)
    written = write_course(to, names, [title(book, name) for name in names])
    console().print(f"{len(written)} assignments in {to / 'source'}", markup=False)
    console().print("There: nbgrader generate_assignment --all --create")
