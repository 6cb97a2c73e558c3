"""The exercises and quizzes of the book, a module for each chapter; what notebooks call of them.

``ch07.py`` holds ``EXERCISES``, the exercises 7.1, 7.2, … in their order, and ``QUIZ``.
"""

import re
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from IPython.display import display

from ncbook.errors import NcbookError
from ncbook.press import artifacts

# Imported where needed: a chapter's execution uses none of it, so an edit makes no chapter stale.
if TYPE_CHECKING:
    from ncbook.press.classroom import Exercise, Feedback, Question


def exercise(number: str) -> None:
    """Show an exercise with a field for its answer, hints and solution.

    Executed for the book the cell shows nothing: the page gets its form when the site is built.

    Args:
        number: such as ``"7.2"``, the second exercise of chapter 7.

    Raises:
        NcbookError: if there is no such exercise.
    """
    if artifacts.folder() is None:
        from ncbook.press.classroom.widget import show_exercise

        show_exercise(number, find(number))


def check(number: str, answer: Any) -> "Feedback":
    """What is to be said of an answer; the result counts as true if the answer is right.

    Args:
        number: of the exercise, such as ``"7.2"``.
        answer: of any type; the exercise says what it asks for.

    Raises:
        NcbookError: if there is no such exercise. Nothing that the answer is or does raises.
    """
    from ncbook.press.classroom import judge

    return judge(find(number), answer)


def quiz(chapter: str) -> None:
    """Show a chapter's quiz. Executed for the book, nothing: see `exercise`.

    Raises:
        NcbookError: if there is no such chapter.
    """
    if artifacts.folder() is None:
        from ncbook.press.classroom.quiz import quiz_markup

        display(quiz_markup(f"quiz{chapter}", questions(chapter)))  # type: ignore[no-untyped-call]


def find(number: str) -> "Exercise":
    """The exercise with a number; errors as `exercise`."""
    match = re.fullmatch(r"(\d{1,2})\.(\d{1,2})", number)
    if match:
        listed = exercises(match[1])
        if 1 <= int(match[2]) <= len(listed):
            return listed[int(match[2]) - 1]
    raise NcbookError(
        f"There is no exercise {number!r}", 'Ask for one of a chapter, as in "7.2"', 2
    )


def exercises(chapter: str) -> "Sequence[Exercise]":
    """The exercises of a chapter, by its number: ``"7"`` or ``"07"``."""
    listed: Sequence[Exercise] = _module(chapter).EXERCISES
    return listed


def questions(chapter: str) -> "Sequence[Question]":
    """The quiz of a chapter, by its number."""
    listed: Sequence[Question] = _module(chapter).QUIZ
    return listed


def _module(chapter: str) -> Any:
    name = f"{__name__}.ch{int(chapter):02d}" if chapter.isdecimal() else ""
    if not name or find_spec(name) is None:
        raise NcbookError(f"Chapter {chapter!r} has no exercises", "Name a chapter, as in '07'", 2)
    return import_module(name)
