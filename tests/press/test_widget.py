"""The panel of an exercise in a kernel: what a reader types and presses, and what is said."""

from typing import Any

import ipywidgets as widgets
import pytest
from IPython.core.interactiveshell import InteractiveShell

from ncbook.press.classroom import widget
from ncbook.press.classroom.widget import Panel
from ncbook.press.exercises import find


@pytest.fixture(autouse=True)
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """All that panels display, in order."""
    texts: list[str] = []
    monkeypatch.setattr(widget, "display", lambda shown: texts.append(shown.data))
    return texts


def buttons(panel: Panel) -> tuple[widgets.Button, ...]:
    return tuple(panel.box.children[1].children)


def test_a_wrong_answer_is_told_why_and_a_right_one_opens_the_solution(said: list[str]) -> None:
    panel = Panel("1.1", find("1.1"))
    check, _, solution = buttons(panel)
    assert solution.disabled
    panel.box.children[0].value = "(k-1)**2 * sigma**2/l**2"
    check.click()
    assert said[-1].startswith("**Not yet.** The trace is there")
    assert solution.disabled
    panel.box.children[0].value = "sigma**2 * (k-1)**2 / (k * l**2)"
    check.click()
    assert said[-1].startswith("**Right.**")
    assert not solution.disabled
    solution.click()
    assert said[-1].startswith("**Solution.**")
    assert "{prf:ref}" not in said[-1]


def test_hints_come_one_by_one_and_then_the_solution(said: list[str]) -> None:
    exercise = find("1.1")
    panel = Panel("1.1", exercise)
    _, hint, solution = buttons(panel)
    for place, text in enumerate(exercise.hints):
        assert hint.description == f"Hint ({len(exercise.hints) - place} left)"
        hint.click()
        assert said[-1] == f"*Hint.* {text}"
    assert hint.disabled
    assert not solution.disabled


def test_letters_are_ticked(said: list[str]) -> None:
    panel = Panel("1.2", find("1.2"))
    for box in panel.box.children[0].children:
        box.value = box.description in "ce"
    buttons(panel)[0].click()
    assert said[-1].startswith("**Right.**")


def test_a_function_is_given_by_its_name(said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    shell = InteractiveShell()
    monkeypatch.setattr(widget, "get_ipython", lambda: shell)
    panel = Panel("1.3", find("1.3"))
    panel.box.children[0].value = "mine"
    buttons(panel)[0].click()
    assert "There is no `mine` in this notebook yet" in said[-1]
    space: dict[str, Any] = {}
    exec(find("1.3").code, space)
    shell.user_ns["mine"] = space["answer"]
    buttons(panel)[0].click()
    assert said[-1].startswith("**Right.**")
