"""What the site puts into an executed chapter that its kernel did not: exercises and quizzes."""

import re
from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell, new_output

from ncbook.press import notebooks
from ncbook.press.book import Edition
from ncbook.press.classroom.page import exercise_markdown
from ncbook.press.classroom.quiz import quiz_markup
from ncbook.press.exercises import find, questions

_CALL = re.compile(r'(exercise|quiz)\("([\d.]+)"\);?')


def fill_chapter(executed: Path, folder: Path, edition: Edition) -> None:
    """Copy a chapter with the page's form of exercises and quiz where it calls for them.

    Args:
        executed: the chapter as its kernel left it.
        folder: where the copy goes.
        edition: without solutions for students.

    Raises:
        NcbookError: if the chapter asks for an exercise that isn't there.
    """
    notebook = notebooks.load(executed)
    notebook.cells = [filled for cell in notebook.cells for filled in _filled(cell, edition)]
    notebooks.save(notebook, folder / executed.name)


def _filled(cell: NotebookNode, edition: Edition) -> list[NotebookNode]:
    call = _CALL.fullmatch(cell.source.strip()) if cell.cell_type == "code" else None
    if call is None:
        return [cell]
    what, number = call.groups()
    if what == "exercise":
        text = exercise_markdown(number, find(number), solved=edition == "instructor")
        return [new_markdown_cell(text)]  # type: ignore[no-untyped-call]
    return [_quiz(cell, number)]


def _quiz(cell: NotebookNode, chapter: str) -> NotebookNode:
    """The quiz as the output of a cell whose code isn't shown."""
    shown = quiz_markup(f"quiz{chapter}", questions(chapter))
    data = {"text/html": shown.html, "text/plain": shown.text}
    cell.outputs = [new_output("display_data", data)]  # type: ignore[no-untyped-call]
    cell.metadata.tags = [*notebooks.tags(cell), "remove-input"]
    return cell
