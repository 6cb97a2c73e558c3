"""Judging an answer: whatever is handed in, a student gets words that help."""

import traceback
from dataclasses import dataclass
from typing import Any

from ncbook.press.classroom.definitions import Exercise
from ncbook.press.classroom.expressions import UnreadableError
from ncbook.press.classroom.timelimit import TimeUpError, limited

SECONDS = 10.0  # for an answer's own code, all its calls together


@dataclass(frozen=True)
class Feedback:
    """What a checker says; true if the answer is right.

    Attributes:
        right: whether it is.
        text: what to tell the student, in Markdown.
    """

    right: bool
    text: str

    def __bool__(self) -> bool:
        return self.right

    def __repr__(self) -> str:
        return f"{'Right' if self.right else 'Not yet'}. {self.text}"

    def _repr_markdown_(self) -> str:
        return f"**{'Right' if self.right else 'Not yet'}.** {self.text}"


def judge(exercise: Exercise, raw: Any, seconds: float = SECONDS) -> Feedback:
    """What to say of an answer. It never raises, whatever the answer is or does.

    Args:
        exercise: the question.
        raw: the answer, of any type.
        seconds: how long the answer's own code may take.
    """
    try:
        return limited(lambda: _judged(exercise, raw), seconds)
    except UnreadableError as error:
        return Feedback(False, str(error))
    except TimeUpError:
        return Feedback(
            False,
            f"Your code was stopped after {seconds:g} seconds. Does a loop in it never end, or is "
            "there a way with fewer steps?",
        )
    except (Exception, SystemExit) as error:  # the student's code may raise anything
        return Feedback(False, _explained(error))


def _judged(exercise: Exercise, raw: Any) -> Feedback:
    answer = exercise.answer
    value = answer.read(raw)
    if answer.is_right(value):
        return Feedback(True, exercise.right)
    for wrong in exercise.wrong:
        if answer.same(value, answer.known(wrong.example)):
            return Feedback(False, wrong.says)
    return Feedback(False, answer.otherwise(value))


def _explained(error: BaseException) -> str:
    """The student's own error, with the line of their code; nothing of the checker's."""
    what = f"Your code raised `{type(error).__name__}`"
    said = " ".join(str(error).split())[:200]
    frames = traceback.extract_tb(error.__traceback__)
    own = next((f for f in reversed(frames) if _is_students(f.filename)), None)
    place = f" in line {own.lineno} (`{own.line}`)" if own and own.line else ""
    return f"{what}{place}" + (f": {said}" if said else ".")


def _is_students(file: str) -> bool:
    """Whether a file is a cell of a notebook: those have no place in a package."""
    return file.startswith("<") or "ipykernel" in file
