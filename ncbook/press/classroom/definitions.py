"""What an exercise and a question of a quiz consist of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ncbook.press.classroom.answers import Answer

Kind = Literal["derive", "predict", "code", "experiment"]
KINDS: tuple[Kind, ...] = ("derive", "predict", "code", "experiment")


@dataclass(frozen=True)
class Wrong:
    """A typical wrong answer, and what is said to whoever gives it.

    Attributes:
        example: the answer; all answers that are the same by their kind's measure count as it.
        says: what goes wrong in it, without the right answer.
    """

    example: Any
    says: str


@dataclass(frozen=True)
class Exercise:
    """All that there is to an exercise; every form of it is made from this.

    Texts are MyST Markdown; `prompt`, `hints`, `right` and the feedback of wrong answers are shown
    by widgets too and keep to plain Markdown with ``$…$``. `solution` may use the book's roles.

    Attributes:
        label: ``ex-NN-slug``, by which the text refers to it.
        title: a few words.
        kind: derive, predict, code or experiment.
        prompt: what is asked.
        answer: how an answer is read and judged.
        right: what is said of a right answer: what it shows, not only that it is right.
        wrong: typical wrong answers, each with its own feedback.
        hints: in steps, each going further.
        solution: in full.
        code: runs by itself and leaves the right answer in a variable ``answer``.
        starter: code that a student begins with, if any.
    """

    label: str
    title: str
    kind: Kind
    prompt: str
    answer: Answer
    right: str
    wrong: Sequence[Wrong]
    hints: Sequence[str]
    solution: str
    code: str
    starter: str = ""


@dataclass(frozen=True)
class Question:
    """A question of a quiz; Markdown with ``$…$`` only.

    Attributes:
        text: the question.
        right: what is said to each right answer, by the answer's text; all have to be found.
        wrong: what is said to each wrong answer, by the answer's text.
    """

    text: str
    right: Mapping[str, str]
    wrong: Mapping[str, str]
