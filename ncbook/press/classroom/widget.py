"""An exercise in a kernel: the prompt, a field for the answer, hints in steps, the solution."""

from collections.abc import Callable
from typing import Any

import ipywidgets as widgets
from IPython import get_ipython
from IPython.display import Markdown, clear_output, display

from ncbook.press.classroom.answers import Choice, Construction, Function
from ncbook.press.classroom.checking import Feedback, judge
from ncbook.press.classroom.definitions import Exercise
from ncbook.press.classroom.expressions import UnreadableError
from ncbook.press.classroom.page import question, solution
from ncbook.press.lowering import lower


class Panel:
    """What a reader types into and presses, below an exercise's prompt.

    Attributes:
        box: the widget to display.
    """

    def __init__(self, number: str, exercise: Exercise) -> None:
        self._exercise, self._hints = exercise, list(exercise.hints)
        self._field, self._value = _field(number, exercise)
        self._said, self._help = widgets.Output(), widgets.Output()
        self._said.add_class("ncbook-said")
        self._hint = _button(self._hint_text(), self._show_hint)
        self._solution = _button("Solution", self._show_solution)
        self._solution.disabled = True
        buttons = widgets.HBox([_button("Check", self._check), self._hint, self._solution])
        buttons.layout.flex_flow = "row wrap"
        self.box = widgets.VBox([self._field, buttons, self._said, self._help])

    def _check(self, _: Any) -> None:
        try:
            feedback = judge(self._exercise, self._value())
        except UnreadableError as error:
            feedback = Feedback(False, str(error))
        _show(self._said, feedback._repr_markdown_())
        self._solution.disabled = self._solution.disabled and not feedback

    def _show_hint(self, _: Any) -> None:
        with self._help:
            display(Markdown(f"*Hint.* {self._hints.pop(0)}"))  # type: ignore[no-untyped-call]
        self._hint.description = self._hint_text()
        if not self._hints:
            self._hint.disabled, self._solution.disabled = True, False

    def _show_solution(self, _: Any) -> None:
        _show(self._help, f"**Solution.** {lower(solution(self._exercise))}")

    def _hint_text(self) -> str:
        left = len(self._hints)
        return f"Hint ({left} left)" if left else "No more hints"


def show_exercise(number: str, exercise: Exercise) -> None:
    """Display an exercise's prompt and below it its panel."""
    prompt = f"**Exercise {number} · {exercise.title}**\n\n{question(exercise)}"
    display(Markdown(prompt))  # type: ignore[no-untyped-call]
    display(Panel(number, exercise).box)  # type: ignore[no-untyped-call]


def _field(number: str, exercise: Exercise) -> tuple[widgets.Widget, Callable[[], Any]]:
    """A field that fits the kind of answer, and what it holds."""
    answer = exercise.answer
    label = f"Your answer to exercise {number}"
    if isinstance(answer, Choice) and len(answer.right) == 1:
        radio = widgets.RadioButtons(options=list(answer.letters), value=None, tooltip=label)
        return radio, lambda: radio.value or ""
    if isinstance(answer, Choice):
        boxes = [widgets.Checkbox(description=letter, indent=False) for letter in answer.letters]
        chosen = lambda: "".join(box.description for box in boxes if box.value)  # noqa: E731
        return widgets.HBox(boxes), chosen
    text = widgets.Text(tooltip=label, layout=widgets.Layout(width="min(32rem, 95%)"))
    if isinstance(answer, Function | Construction):
        text.placeholder = "the name of your function or variable"
        return text, lambda: _named(text.value.strip())
    text.placeholder = answer.form.replace("`", "")
    return text, lambda: text.value


def _named(name: str) -> Any:
    """What a name stands for in the reader's notebook.

    Raises:
        UnreadableError: if it stands for nothing yet.
    """
    shell = get_ipython()
    known = shell.user_ns if shell else {}
    if name not in known:
        raise UnreadableError(
            f"There is no `{name}` in this notebook yet: write it in a cell, run the cell, and "
            "give its name here."
        )
    return known[name]


def _button(text: str, pressed: Callable[[Any], None]) -> widgets.Button:
    button = widgets.Button(description=text)
    button.on_click(pressed)
    return button


def _show(output: widgets.Output, text: str) -> None:
    with output:
        clear_output()  # type: ignore[no-untyped-call]
        display(Markdown(text))  # type: ignore[no-untyped-call]
