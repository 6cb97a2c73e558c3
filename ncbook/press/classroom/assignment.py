"""A chapter's exercises as an assignment for nbgrader, which releases it without solutions.

nbgrader's metadata (schema 3): https://nbgrader.readthedocs.io
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from ncbook.press import notebooks
from ncbook.press.classroom.definitions import Exercise
from ncbook.press.classroom.page import question
from ncbook.press.exercises import exercises
from ncbook.press.lowering import lower

CONFIG = """\"\"\"Where nbgrader finds this course.\"\"\"

c = get_config()  # noqa: F821
c.CourseDirectory.course_id = "neural-collapse-executed"
stub = "# Your code here; leave the result in `answer`.\\nanswer = None"
c.ClearSolutions.code_stub = {"python": stub}
"""
KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
CODE_POINTS, TEXT_POINTS = 2, 2
# What only a reader can judge: an argument, or what an experiment is taken to show.
WRITTEN = ("derive", "experiment")
_ASKED = {
    "derive": "Show how you got there.",
    "experiment": "What did you expect, and what does the result show?",
}


def write_course(folder: Path, chapters: Sequence[str], titles: Sequence[str]) -> list[Path]:
    """Write a folder in which nbgrader's commands work, an assignment for each chapter.

    Args:
        folder: made if it isn't there. A configuration that it holds already is kept.
        chapters: names of chapters, such as ``01-what-collapses``.
        titles: of the same.

    Returns:
        The assignments' sources, which hold the solutions.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "nbgrader_config.py"
    if not config.exists():
        config.write_text(CONFIG, encoding="utf-8")
    written = []
    for chapter, title in zip(chapters, titles, strict=True):
        path = folder / "source" / chapter / f"{chapter}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        notebooks.save(assignment(chapter.split("-")[0], title), path)
        written.append(path)
    return written


def assignment(chapter: str, title: str) -> NotebookNode:
    """The source of a chapter's assignment, solutions included.

    Args:
        chapter: its number, such as ``"07"``.
        title: of the chapter.
    """
    cells = [_markdown(f"# {title}: exercises\n\n{_HOW}"), _code(_IMPORTS, "imports", locked=True)]
    for place, exercise in enumerate(exercises(chapter), start=1):
        cells += _cells(f"{int(chapter)}.{place}", exercise)
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"  # the same file each time
    notebook: NotebookNode = new_notebook(cells=cells, metadata=KERNEL)  # type: ignore[no-untyped-call]
    return notebook


_HOW = (
    "Leave each answer in the variable `answer`; the cell below it checks it and says what is "
    "wrong. Where a cell asks for words, write them into it."
)
_IMPORTS = "import ncbook  # before torch: it sets how threads wait\nfrom ncbook.press import check"


def _cells(number: str, exercise: Exercise) -> list[NotebookNode]:
    name = exercise.label
    cells = [
        _markdown(_prompt(number, exercise), f"{name}-prompt", locked=True),
        _code(_answer(exercise), f"{name}-answer", solution=True),
        _code(_test(number), f"{name}-check", grade=True, locked=True, points=CODE_POINTS),
    ]
    if exercise.kind in WRITTEN:
        text = lower(exercise.solution.strip())
        settings = {"grade": True, "solution": True, "points": TEXT_POINTS}
        cells += [_markdown(_ASKED[exercise.kind]), _markdown(text, f"{name}-words", **settings)]
    return cells


def _prompt(number: str, exercise: Exercise) -> str:
    hints = "\n\n".join(
        f"<details><summary>Hint {place}</summary>\n\n{hint}\n\n</details>"
        for place, hint in enumerate(exercise.hints, start=1)
    )
    asked = f"Hand in {exercise.answer.form}."
    return f"## {number} {exercise.title}\n\n{question(exercise)}\n\n{asked}\n\n{hints}"


def _answer(exercise: Exercise) -> str:
    solved = f"### BEGIN SOLUTION\n{exercise.code.strip()}\n### END SOLUTION"
    return "\n\n".join(filter(None, [exercise.starter.strip() and _commented(exercise), solved]))


def _commented(exercise: Exercise) -> str:
    # As code a starter would stand before the solution and be graded.
    return "\n".join(f"# {line}".rstrip() for line in exercise.starter.strip().splitlines())


def _test(number: str) -> str:
    return f'feedback = check("{number}", answer)\nassert feedback, feedback.text'


def _markdown(text: str, name: str = "", **settings: Any) -> NotebookNode:
    return _with(new_markdown_cell(text), "markdown", name, settings)  # type: ignore[no-untyped-call]


def _code(text: str, name: str, **settings: Any) -> NotebookNode:
    return _with(new_code_cell(text), "code", name, settings)  # type: ignore[no-untyped-call]


def _with(cell: NotebookNode, kind: str, name: str, settings: dict[str, Any]) -> NotebookNode:
    """A cell with nbgrader's metadata, if it has a name to be known by."""
    if name:
        plain = {"grade": False, "solution": False, "locked": False, "task": False}
        facts = {"schema_version": 3, "grade_id": name, "cell_type": kind}
        cell.metadata["nbgrader"] = facts | plain | settings
    return cell
