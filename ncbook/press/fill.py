"""What the site puts into an executed chapter that its kernel did not.

A header below the title, exercises and quiz where the chapter calls for them, and an anchor at the
code behind each figure.
"""

import re

from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell, new_output

from ncbook.press import notebooks
from ncbook.press.book import Edition
from ncbook.press.classroom.page import exercise_markdown
from ncbook.press.classroom.quiz import quiz_markup
from ncbook.press.exercises import find, questions

_CALL = re.compile(r'(exercise|quiz)\("([\d.]+)"\);?')
_FIGURE = re.compile(r'<figure id="fig-([\w-]+)"')
_DRAWN_BY = re.compile(r"^demo\(\s*(\w+)", re.MULTILINE)


def fill(notebook: NotebookNode, header: str, edition: Edition) -> None:
    """Put into an executed chapter all that its page shows besides, in place.

    Args:
        notebook: the executed chapter.
        header: HTML that goes below its title.
        edition: without solutions for students.

    Raises:
        NcbookError: if the chapter asks for an exercise that isn't there.
    """
    cells: list[NotebookNode] = notebook.cells
    places = _code_of_figures(cells)
    notebook.cells = []
    for place, cell in enumerate(cells):
        notebook.cells += [_anchor(name) for name, at in places.items() if at == place]
        notebook.cells += _filled(cell, edition)
    _put_below_title(notebook, header)


def exercises_in(notebook: NotebookNode) -> list[str]:
    """The numbers of the exercises that a chapter calls for."""
    calls = (_CALL.fullmatch(c.source.strip()) for c in notebook.cells if c.cell_type == "code")
    return [call[2] for call in calls if call and call[1] == "exercise"]


def _put_below_title(notebook: NotebookNode, header: str) -> None:
    first = next(cell for cell in notebook.cells if cell.cell_type == "markdown")
    first.source = re.sub(r"(?m)^# .*$", lambda m: f"{m[0]}\n\n{header}", first.source, count=1)


def _code_of_figures(cells: list[NotebookNode]) -> dict[str, int]:
    """Where the code that draws each figure begins, by the figure's name."""
    return {
        name: _beginning(cells, place)
        for place, cell in enumerate(cells)
        for output in cell.get("outputs", [])
        for name in _FIGURE.findall(output.get("data", {}).get("text/html", ""))
    }


def _beginning(cells: list[NotebookNode], place: int) -> int:
    """The nearest cell up from a figure's own that begins a drawing, or its own."""
    demo = _DRAWN_BY.search(cells[place].source)
    begins = f"def {demo[1]}(" if demo else "new_figure("
    for above in range(place, -1, -1):
        if cells[above].cell_type == "code" and begins in cells[above].source:
            return above
    return place


def _anchor(figure: str) -> NotebookNode:
    text = f'<span id="code-{figure}"></span>'
    return _prose(text, f"code-{figure}"[:64])


def _prose(text: str, name: str) -> NotebookNode:
    # nbformat's own names differ each time, and what differs is built again.
    cell: NotebookNode = new_markdown_cell(text, id=name)  # type: ignore[no-untyped-call]
    return cell


def _filled(cell: NotebookNode, edition: Edition) -> list[NotebookNode]:
    call = _CALL.fullmatch(cell.source.strip()) if cell.cell_type == "code" else None
    if call is None:
        return [cell]
    what, number = call.groups()
    if what == "exercise":
        text = exercise_markdown(number, find(number), solved=edition == "instructor")
        return [_prose(text, cell.id)]
    return [_quiz(cell, number)]


def _quiz(cell: NotebookNode, chapter: str) -> NotebookNode:
    """The quiz as the output of a cell whose code isn't shown."""
    shown = quiz_markup(f"quiz{chapter}", questions(chapter))
    data = {"text/html": shown.html, "text/plain": shown.text}
    cell.outputs = [new_output("display_data", data)]  # type: ignore[no-untyped-call]
    cell.metadata.tags = [*notebooks.tags(cell), "remove-input"]
    return cell
