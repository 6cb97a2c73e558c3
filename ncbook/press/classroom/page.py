"""An exercise on a page that no kernel stands behind: MyST Markdown with folded parts."""

from ncbook.press.classroom.answers import Choice
from ncbook.press.classroom.definitions import Exercise

KIND_SHOWN = {"derive": "Derive", "predict": "Predict", "code": "Code", "experiment": "Experiment"}


def exercise_markdown(number: str, exercise: Exercise, solved: bool) -> str:
    """The exercise with its hints, and with its solution if ``solved``."""
    parts = [
        _fenced(
            f"{{exercise}} {number} {exercise.title}",
            f":label: {exercise.label}\n:nonumber:\n\n{question(exercise)}",
        )
    ]
    parts += [
        _fenced(f"{{dropdown}} Hint {place}", f":class-container: ncbook-hint\n\n{hint}")
        for place, hint in enumerate(exercise.hints, start=1)
    ]
    if solved:
        parts.append(_fenced(f"{{dropdown}} Solution to {number}", _solution(exercise)))
    return "\n\n".join(parts)


def question(exercise: Exercise) -> str:
    """The prompt with its kind, the options to choose from and the code to begin with."""
    parts = [f"*{KIND_SHOWN[exercise.kind]}.* {exercise.prompt.strip()}", options(exercise)]
    if exercise.starter:
        parts.append(f"```python\n{exercise.starter.strip()}\n```")
    return "\n\n".join(filter(None, parts))


def options(exercise: Exercise) -> str:
    """The options of a choice, by their letters."""
    answer = exercise.answer
    if not isinstance(answer, Choice):
        return ""
    pairs = zip(answer.letters, answer.options, strict=True)
    return "\n".join(f"- ({letter}) {option}" for letter, option in pairs)


def solution(exercise: Exercise) -> str:
    """The solution with its code."""
    return f"{exercise.solution.strip()}\n\n```python\n{exercise.code.strip()}\n```"


def _solution(exercise: Exercise) -> str:
    return f":class-container: ncbook-solution\n\n{solution(exercise)}"


def _fenced(directive: str, content: str) -> str:
    # Longer than any fence inside.
    ticks = "`" * max(3, 1 + max(map(len, _fences(content)), default=0))
    return f"{ticks}{directive}\n{content.strip()}\n{ticks}"


def _fences(text: str) -> list[str]:
    lines = (line.strip() for line in text.splitlines())
    return [line[: len(line) - len(line.lstrip("`"))] for line in lines if line.startswith("```")]
