"""The engine of exercises: reading answers, judging them, running student code."""

import time
from typing import Any

import numpy as np
import pytest
import torch

from ncbook.errors import NcbookError
from ncbook.press import check
from ncbook.press.classroom import (
    Choice,
    Construction,
    Exercise,
    Formula,
    Function,
    Number,
    Wrong,
    judge,
)
from ncbook.press.classroom.answers import Answer, numbers
from ncbook.press.classroom.expressions import FUNCTIONS, UnreadableError, evaluate
from ncbook.press.classroom.page import exercise_markdown
from ncbook.press.classroom.timelimit import TimeUpError, limited


def exercise(answer: Answer, *wrong: Wrong) -> Exercise:
    return Exercise(
        label="ex-00-x",
        title="A title",
        kind="derive",
        prompt="What is it?",
        answer=answer,
        right="That shows it.",
        wrong=wrong,
        hints=["Look.", "Look closer."],
        solution="See:\n\n```text\nfenced\n```",
        code="answer = 1",
    )


# Formulas


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1/9", 1 / 9),
        ("2^3", 8),
        ("-sqrt(2) + pi", np.pi - np.sqrt(2)),
        ("max(k, 3) * log(e)", 5),
        ("1e-3", 1e-3),
    ],
)
def test_a_formula_has_its_value(text: str, value: float) -> None:
    assert evaluate(text, {"k": 5}) == pytest.approx(value)


NO_FORMULAS = [
    "__import__('os')",
    "k.real",
    "[1]",
    "lambda: 1",
    "f(2)",
    "sqrt()",
    "sqrt(1, 2, 3)",
    "(1",
    "2k",
    "k if k else 1",
    "k == 5",
    "x",
    "'a'",
    "True",
    "print(k)",
    "max(*[1])",
    "sin(x=1)",
]


@pytest.mark.parametrize("text", [*NO_FORMULAS, "1" * 301])
def test_nothing_but_a_formula_is_evaluated(text: str) -> None:
    with pytest.raises(UnreadableError):
        evaluate(text, {"k": 5})


def test_every_function_of_formulas_works_on_arrays() -> None:
    for name in FUNCTIONS:
        arguments = "x, x" if name in ("max", "min") else "x"
        assert np.shape(evaluate(f"{name}({arguments})", {"x": [0.1, 0.2]})) == (2,)


def test_an_enormous_power_takes_no_time() -> None:
    begun = time.monotonic()
    assert not np.isfinite(evaluate("9**9**9**9**9", {}))
    assert time.monotonic() - begun < 1


# Kinds of answers


@pytest.mark.parametrize(
    "given", [0.5, "1/2", np.float32(0.5), torch.tensor(0.5), [0.5], np.array([[0.5]]), 0.50004]
)
def test_a_number_comes_in_many_forms(given: Any) -> None:
    assert judge(exercise(Number(0.5)), given)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (True, "truth value"),
        ("one", "means nothing"),
        ([1, 2], "shape (2,)"),
        (float("nan"), "finite"),
        (1j, "Real numbers"),
    ],
)
def test_what_is_no_number_is_told_why(given: Any, says: str) -> None:
    assert says in judge(exercise(Number(0.5)), given).text


def test_a_tolerance_is_kept_to() -> None:
    number = Number(0.0, absolute=0.01)
    assert number.is_right(0.009)
    assert not number.is_right(0.011)


def test_a_formula_counts_by_its_values() -> None:
    answer = Formula("(a + b)**2", {"a": (1, 2), "b": (1, 2)})
    assert judge(exercise(answer), "a*a + 2*a*b + b^2")
    assert not judge(exercise(answer), "a**2 + b**2")
    assert "in the right way" in judge(exercise(answer), "3*(a + b)**2").text
    assert "text in quotes" not in judge(exercise(answer), "a").text
    assert "as text" in judge(exercise(answer), 4).text
    assert "may use `a`, `b`" in judge(exercise(answer), "a + c").text


def test_letters_come_in_many_forms() -> None:
    several = exercise(Choice(["x", "y", "z"], "ac"))
    for given in ("ac", "C, A", ["a", "c"], ("c", "a"), {"a", "c"}, "(a) (c)"):
        assert judge(several, given)
    assert not judge(several, "a")
    assert "letters a, b, c" in judge(several, "d").text
    assert "single letter" in judge(exercise(Choice(["x", "y"], "a")), "ab").text


def test_a_function_counts_by_what_it_returns() -> None:
    answer = Function(lambda x: x**2, lambda: [(1.0,), (2.0,), (torch.tensor([1.0, 3.0]),)])
    known = Wrong(lambda x: 2 * x, "That doubles.")
    assert judge(exercise(answer, known), lambda x: x * x)
    assert judge(exercise(answer, known), lambda x: x + x).text == "That doubles."
    assert "1 of 3" in judge(exercise(answer, known), lambda x: x).text
    assert "return" in judge(exercise(answer, known), lambda x: None).text
    assert "shape" in judge(exercise(answer, known), lambda x: [[1.0]]).text
    assert "its name without ()" in judge(exercise(answer, known), 4).text


def test_a_function_that_changes_its_input_harms_nobody() -> None:
    shared = torch.ones(3)
    answer = Function(lambda x: x.sum(), lambda: [(shared,)])
    assert judge(exercise(answer), lambda x: x.mul_(2).sum() / 2)
    assert shared.sum() == 3


def test_a_construction_is_told_the_first_property_that_is_missing() -> None:
    answer = Construction(
        [(lambda a: (a > 0).all(), "Not positive."), (lambda a: a.sum() > 5, "Too small.")],
        shape=(None, 2),
    )
    assert judge(exercise(answer), [[1, 2], [3, 4]])
    assert judge(exercise(answer), [[-1, 2]]).text == "Not positive."
    assert judge(exercise(answer), [[1, 2]]).text == "Too small."
    assert "(any, 2)" in judge(exercise(answer), [1, 2]).text


def test_a_huge_array_is_turned_away_before_it_is_copied() -> None:
    with pytest.raises(UnreadableError, match="fewer are enough"):
        numbers(np.broadcast_to(1.0, (10**6, 10**6)))


# Student code


def endless(*_: Any) -> None:
    while True:
        pass


def stubborn(*_: Any) -> None:
    while True:
        try:
            time.sleep(0.01)
        except Exception:
            continue


@pytest.mark.parametrize("function", [endless, stubborn])
def test_code_that_loops_is_stopped(function: Any) -> None:
    answer = Function(lambda x: x, lambda: [(1.0,)])
    begun = time.monotonic()
    feedback = judge(exercise(answer), function, seconds=0.3)
    assert time.monotonic() - begun < 3
    assert "stopped after 0.3 seconds" in feedback.text


def test_the_thread_of_stopped_code_ends() -> None:
    steps: list[int] = []

    def count() -> None:
        while True:
            steps.append(1)

    with pytest.raises(TimeUpError):
        limited(count, 0.2)
    seen = len(steps)
    time.sleep(0.2)
    assert len(steps) == seen


def test_what_limited_code_returns_and_raises_gets_through() -> None:
    assert limited(lambda: 3, 1.0) == 3
    with pytest.raises(KeyError):
        limited(lambda: {}["x"], 1.0)


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("def f(x):\n    return 1 / 0", "`ZeroDivisionError` in line 2"),
        ("def f(x):\n    return f(x)", "`RecursionError`"),
        ("def f():\n    return 1", "`TypeError`"),
        ("def f(x):\n    raise SystemExit", "`SystemExit`"),
        ("def f(x):\n    import numpy\n    return numpy.zeros(10**15)", "MemoryError"),
    ],
)
def test_an_error_in_student_code_is_explained(code: str, says: str) -> None:
    import linecache

    file = "<ipython-input-1>"
    linecache.cache[file] = (len(code), None, code.splitlines(keepends=True), file)
    space: dict[str, Any] = {}
    exec(compile(code, file, "exec"), space)
    feedback = judge(exercise(Function(lambda x: x, lambda: [(1.0,)])), space["f"])
    assert not feedback
    assert says in feedback.text
    assert "answers.py" not in feedback.text


# Numbers of exercises, and their form on a page


def test_an_exercise_that_is_not_there_is_an_error_with_a_cure() -> None:
    for number in ("99.1", "1.99", "1.0", "one", ""):
        with pytest.raises(NcbookError):
            check(number, 1)


def test_feedback_can_be_read_and_tested() -> None:
    feedback = check("1.5", "1/8")
    assert feedback.right
    assert bool(feedback)
    assert repr(feedback).startswith("Right. ")
    assert repr(check("1.5", 3)) == "Not yet. That isn't it."
    assert feedback._repr_markdown_().startswith("**Right.** ")


def test_the_page_has_hints_and_solution_folded_and_students_get_none() -> None:
    task = exercise(Choice(["this", "that"], "a"))
    page = exercise_markdown("7.2", task, solved=True)
    assert "{exercise} 7.2 A title" in page
    assert ":label: ex-00-x" in page
    assert "- (b) that" in page
    assert page.count("{dropdown} Hint") == 2
    assert page.count("{dropdown} Solution") == 1
    assert page.count("````") == 2, "the fence is longer than the one inside"
    student = exercise_markdown("7.2", task, solved=False)
    assert "Solution" not in student
    assert "answer = 1" not in student
