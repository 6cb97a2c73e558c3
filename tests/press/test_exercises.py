"""Every exercise and question of the book: right answers count, wrong ones are told why."""

import contextlib
import io
import re
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import numpy as np
import pytest
import torch

from ncbook.press import check
from ncbook.press import exercises as definitions
from ncbook.press.book import Book
from ncbook.press.classroom import Exercise, Formula, Number, Question, judge
from ncbook.press.classroom.definitions import KINDS
from ncbook.press.exercises import exercises, questions

BOOK = Book(Path(__file__).parents[2])
CHAPTERS = [
    module.name.removeprefix("ch").lstrip("0") for module in iter_modules(definitions.__path__)
]
ALL = [
    pytest.param(f"{chapter}.{place}", exercise, id=f"{chapter}.{place}")
    for chapter in CHAPTERS
    for place, exercise in enumerate(exercises(chapter), start=1)
]
ASKED = [
    pytest.param(question, id=f"{chapter}.{place}")
    for chapter in CHAPTERS
    for place, question in enumerate(questions(chapter), start=1)
]
every_exercise = pytest.mark.parametrize(("number", "exercise"), ALL)
every_question = pytest.mark.parametrize("question", ASKED)


class Hostile:
    """An object that fails whatever is asked of it."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(f"no {name} here")


def raises(*_: Any, **__: Any) -> None:
    raise ZeroDivisionError("by nothing at all")


# What somebody may hand in, by mistake or to see what happens.
SCALARS = [None, True, float("nan"), float("inf"), -1e308, 3 + 4j, 10**400, -0.0]
TEXTS = ["", "?", "import os", "9**9**9**9", "(" * 400, "x" * 10_000, b"bytes"]
CONTAINERS = [[], [[]], [1, [2]], ["a", 1], {}, {"a": 1}, set(), range(10**9)]
OBJECTS = [object(), object, Hostile()]
ARRAYS = [
    np.zeros(0),
    np.full((3, 3), np.nan),
    np.zeros((2, 3, 4)),
    np.zeros((4000, 4000), np.int8),
    np.array(["text"]),
    np.array([None]),
    torch.zeros(5, requires_grad=True),
    torch.zeros(0),
]
FUNCTIONS = [lambda *a, **k: None, lambda: 1, lambda *a, **k: "text", raises, print]
GARBAGE = [*SCALARS, *TEXTS, *CONTAINERS, *OBJECTS, *ARRAYS, *FUNCTIONS]


def run(code: str) -> Any:
    """The answer that an exercise's own code leaves behind."""
    space: dict[str, Any] = {"__name__": "solution"}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(code, "<solution>", "exec"), space)
    return space["answer"]


@every_exercise
def test_the_solution_runs_and_is_right(number: str, exercise: Exercise) -> None:
    feedback = check(number, run(exercise.code))
    assert feedback, feedback.text
    assert feedback.text == exercise.right


@every_exercise
def test_each_typical_wrong_answer_gets_its_own_feedback(number: str, exercise: Exercise) -> None:
    assert len(exercise.wrong) >= 2
    for wrong in exercise.wrong:
        feedback = check(number, wrong.example)
        assert not feedback
        assert feedback.text == wrong.says
    says = [wrong.says for wrong in exercise.wrong]
    assert len(set(says)) == len(says)


@every_exercise
def test_the_checker_survives_anything(number: str, exercise: Exercise) -> None:
    for garbage in GARBAGE:
        feedback = judge(exercise, garbage, seconds=5)
        assert not feedback
        assert 10 < len(feedback.text) < 500


@every_exercise
def test_feedback_does_not_give_the_answer_away(number: str, exercise: Exercise) -> None:
    said = [wrong.says for wrong in exercise.wrong]
    said += [judge(exercise, garbage, seconds=5).text for garbage in GARBAGE]
    if isinstance(exercise.answer, Number):
        for text in said:
            for found in re.findall(r"-?\d+(?:\.\d+)?", text):
                if found not in exercise.prompt:
                    assert not exercise.answer.is_right(float(found)), text
    if isinstance(exercise.answer, Formula):
        for text in said:
            assert exercise.answer.right.replace(" ", "") not in text.replace(" ", "")


@every_exercise
def test_an_exercise_is_complete(number: str, exercise: Exercise) -> None:
    chapter = int(number.split(".")[0])
    assert re.fullmatch(rf"ex-{chapter:02d}-[a-z0-9-]+", exercise.label)
    assert exercise.kind in KINDS
    assert len(exercise.hints) >= 2
    for text in (
        exercise.prompt,
        exercise.right,
        *exercise.hints,
        *(w.says for w in exercise.wrong),
    ):
        assert len(text.strip()) >= 20
        assert not re.search(r"\{[a-z:]+\}`", text), "widgets show no roles of the book"


def test_every_chapter_has_exercises() -> None:
    assert [str(int(chapter.split("-")[0])) for chapter in BOOK.chapters] == CHAPTERS


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_has_six_exercises_of_all_kinds_and_five_questions(chapter: str) -> None:
    listed = exercises(chapter)
    assert len(listed) >= 6
    assert {exercise.kind for exercise in listed} == set(KINDS)
    assert len({exercise.label for exercise in listed}) == len(listed)
    assert len(questions(chapter)) >= 5


@every_question
def test_a_question_answers_each_choice_in_its_own_words(question: Question) -> None:
    assert question.right
    assert len(question.wrong) >= 2
    choices = [*question.right, *question.wrong]
    assert len(set(choices)) == len(choices)
    said = [*question.right.values(), *question.wrong.values()]
    assert len(set(said)) == len(said)
    assert all(len(text) >= 15 for text in said)
