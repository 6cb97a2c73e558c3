"""Exercises and quizzes: what they consist of, how answers are judged, and how both are shown.

A definition in `ncbook.press.exercises` says everything once. From it come the folded form on a
page, the widget in a kernel, `check("7.2", answer)`, and the cells of an assignment.
"""

from ncbook.press.classroom.answers import Choice, Construction, Formula, Function, Number
from ncbook.press.classroom.checking import Feedback, judge
from ncbook.press.classroom.definitions import Exercise, Question, Wrong

__all__ = [
    "Choice",
    "Construction",
    "Exercise",
    "Feedback",
    "Formula",
    "Function",
    "Number",
    "Question",
    "Wrong",
    "judge",
]
