"""Kinds of answers: how each is read, and when two of them are the same.

Each kind has three methods: ``read`` turns whatever a student hands in into a value, or says why it
can't be one; ``same`` tells whether two values are the same answer; ``known`` is the value of an
answer that the exercise's author gives, the right one or a typical wrong one.
"""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ncbook.press.classroom.expressions import UnreadableError, evaluate

LARGEST = 1_000_000  # entries of an array; no exercise needs more
POINTS = 12  # at which two formulas are compared
OTHERWISE = "That isn't it."


class Answer(Protocol):
    """What a kind of answer can do."""

    @property
    def form(self) -> str:
        """What to hand in, in a few words."""

    def read(self, raw: Any) -> Any:
        """The value that a student hands in; UnreadableError says why it can't be one."""

    def known(self, example: Any) -> Any:
        """The value of an answer that the author gives."""

    def is_right(self, value: Any) -> bool:
        """Whether a value is a right answer."""

    def same(self, value: Any, other: Any) -> bool:
        """Whether two values are the same answer."""

    def otherwise(self, value: Any) -> str:
        """What to say of a wrong value that isn't a typical one."""


@dataclass(frozen=True)
class Number:
    """A number, given as one or as text such as ``1/9``.

    Attributes:
        right: the number.
        relative, absolute: how far off an answer may be: by the larger of the two.
    """

    right: float
    relative: float = 1e-3
    absolute: float = 0.0
    form: str = "a number, or an expression such as `1/9` or `sqrt(2)`"

    def read(self, raw: Any) -> float:
        """The number; errors as `Answer`."""
        value = evaluate(raw, {}) if isinstance(raw, str) else _scalar(raw)
        if not np.isfinite(value):
            raise UnreadableError(f"A finite number is asked for, and this is {value}.")
        return float(value)

    known = read

    def is_right(self, value: float) -> bool:
        """Whether it is near enough."""
        return self.same(value, self.right)

    def same(self, value: float, other: float) -> bool:
        """Whether two numbers are near enough to each other."""
        return abs(value - other) <= max(self.relative * abs(other), self.absolute)

    def otherwise(self, value: float) -> str:
        """Nothing that would narrow the number down."""
        return OTHERWISE


@dataclass(frozen=True)
class Formula:
    """A formula in named variables, given as text; two are the same if their values are.

    Attributes:
        right: the formula.
        variables: the range of each variable, (low, high), from which it is tried.
    """

    right: str
    variables: Mapping[str, tuple[float, float]]

    @property
    def form(self) -> str:
        """What to hand in."""
        names = ", ".join(f"`{name}`" for name in self.variables)
        return f'a formula in {names} as text, such as `"{next(iter(self.variables))}**2 / 2"`'

    def read(self, raw: Any) -> np.ndarray:
        """The formula's values at the points (POINTS,); errors as `Answer`."""
        if not isinstance(raw, str):
            raise UnreadableError(f"A formula is asked for, as text in quotes; {_kind(raw)} came.")
        values = np.broadcast_to(evaluate(raw, self._points()), POINTS)
        if not np.isfinite(values).all():
            raise UnreadableError("For some values of the variables this formula has no value.")
        return values

    known = read

    def is_right(self, value: np.ndarray) -> bool:
        """Whether it has the right values."""
        return self.same(value, self.read(self.right))

    def same(self, value: np.ndarray, other: np.ndarray) -> bool:
        """Whether two formulas agree at all points, but for rounding."""
        return bool(np.allclose(value, other, rtol=1e-6, atol=1e-12))

    def otherwise(self, value: np.ndarray) -> str:
        """Whether at least the sign or a constant factor stands in the way."""
        ratio = value / np.where(right := self.read(self.right), right, np.nan)
        if np.allclose(ratio, ratio[0], rtol=1e-6):
            return "That isn't it, but it depends on the variables in the right way."
        return OTHERWISE

    def _points(self) -> dict[str, np.ndarray]:
        chance = np.random.default_rng(0)
        return {name: chance.uniform(*ends, POINTS) for name, ends in self.variables.items()}


@dataclass(frozen=True)
class Choice:
    """One or several of some options, given by their letters: ``"b"``, or ``"ac"``.

    Attributes:
        options: what may be chosen; the first has the letter a.
        right: the letters of the right ones.
    """

    options: Sequence[str]
    right: str

    @property
    def form(self) -> str:
        """What to hand in."""
        if len(self.right) == 1:
            return 'one letter, such as `"a"`'
        return 'the letters of all that apply, such as `"ab"`'

    @property
    def letters(self) -> str:
        """A letter for each option."""
        return "abcdefghijklmnopqrstuvwxyz"[: len(self.options)]

    def read(self, raw: Any) -> frozenset[str]:
        """The letters chosen; errors as `Answer`."""
        given = "".join(raw) if _is_texts(raw) else raw
        if not isinstance(given, str):
            raise UnreadableError(f"Letters are asked for, as text in quotes; {_kind(raw)} came.")
        chosen = frozenset(given.lower()) - frozenset(" ,;.()")
        if not chosen or not chosen <= frozenset(self.letters):
            raise UnreadableError(f"Choose among the letters {', '.join(self.letters)}.")
        if len(self.right) == 1 < len(chosen):
            raise UnreadableError("Only one of them: choose a single letter.")
        return chosen

    known = read

    def is_right(self, value: frozenset[str]) -> bool:
        """Whether exactly the right ones were chosen."""
        return value == frozenset(self.right)

    def same(self, value: frozenset[str], other: frozenset[str]) -> bool:
        """Whether the same ones were chosen."""
        return value == other

    def otherwise(self, value: frozenset[str]) -> str:
        """Nothing that would narrow the letters down."""
        return OTHERWISE if len(self.right) == 1 else "These aren't exactly the ones."


@dataclass(frozen=True)
class Function:
    """A function, judged by what it returns; two are the same if they return the same.

    Attributes:
        right: a right one.
        inputs: gives the arguments of each call, the same ones each time it is asked.
        relative, absolute: how far off what it returns may be, entry by entry.
    """

    right: Callable[..., Any]
    inputs: Callable[[], Sequence[tuple[Any, ...]]]
    relative: float = 1e-4
    absolute: float = 1e-8
    form: str = "the function itself: its name, without brackets"

    def read(self, raw: Any) -> list[np.ndarray]:
        """What it returns for each input; errors as `Answer`."""
        if not callable(raw):
            raise UnreadableError(
                f"A function is asked for, its name without (); {_kind(raw)} came."
            )
        wanted = self.known(self.right)
        found = [self._returned(raw, *pair) for pair in enumerate(self.inputs(), start=1)]
        for place, (one, other) in enumerate(zip(found, wanted, strict=True), start=1):
            if one.shape != other.shape:
                raise UnreadableError(
                    f"For input {place} your function returns something of shape {one.shape}; "
                    f"it should have shape {other.shape}."
                )
        return found

    def known(self, example: Callable[..., Any]) -> list[np.ndarray]:
        """What an author's function returns for each input."""
        return [numbers(example(*deepcopy(given))) for given in self.inputs()]

    def is_right(self, value: list[np.ndarray]) -> bool:
        """Whether it returns the right values."""
        return self.same(value, self.known(self.right))

    def same(self, value: list[np.ndarray], other: list[np.ndarray]) -> bool:
        """Whether two functions return the same, but for rounding."""
        return all(
            a.shape == b.shape
            and np.allclose(a, b, rtol=self.relative, atol=self.absolute, equal_nan=True)
            for a, b in zip(value, other, strict=True)
        )

    def otherwise(self, value: list[np.ndarray]) -> str:
        """For how many inputs it is right."""
        pairs = zip(value, self.known(self.right), strict=True)
        right = sum(self.same([one], [other]) for one, other in pairs)
        return f"Your function is right for {right} of {len(value)} inputs."

    def _returned(self, function: Callable[..., Any], place: int, given: tuple[Any, ...]) -> Any:
        returned = function(*deepcopy(given))
        if returned is None:
            raise UnreadableError("Your function returns None: does it end with `return`?")
        try:
            return numbers(returned)
        except UnreadableError as error:
            raise UnreadableError(
                f"For input {place} your function returns this: {error}"
            ) from error


@dataclass(frozen=True)
class Construction:
    """An object with wanted properties, of which there may be many; the first one missing is said.

    Attributes:
        conditions: in their order, each a test of the value and what to say if it fails.
        shape: of the array that is asked for; None where any length will do.
        form: what to hand in.
    """

    conditions: Sequence[tuple[Callable[[Any], bool], str]]
    shape: tuple[int | None, ...]
    form: str = "an array"

    def read(self, raw: Any) -> np.ndarray:
        """The array; errors as `Answer`."""
        value = numbers(raw)
        wanted = str(tuple("any" if n is None else n for n in self.shape)).replace("'", "")
        if value.ndim != len(self.shape) or any(
            n not in (None, m) for n, m in zip(self.shape, value.shape, strict=True)
        ):
            raise UnreadableError(
                f"An array of shape {wanted} is asked for; this has shape {value.shape}."
            )
        if not value.size or not np.isfinite(value).all():
            raise UnreadableError("All entries must be finite numbers, and there must be some.")
        return value

    known = read

    def is_right(self, value: np.ndarray) -> bool:
        """Whether it has all the properties."""
        return self._missing(value) is None

    def same(self, value: np.ndarray, other: np.ndarray) -> bool:
        """Whether the first property that is missing is the same one."""
        return self._missing(value) == self._missing(other)

    def otherwise(self, value: np.ndarray) -> str:
        """The first property that is missing."""
        return self._missing(value) or OTHERWISE

    def _missing(self, value: np.ndarray) -> str | None:
        return next((says for holds, says in self.conditions if not holds(value)), None)


def numbers(raw: Any) -> np.ndarray:
    """An array of floats from anything that is one: lists, NumPy's, torch's, a number.

    Raises:
        UnreadableError: if it isn't, or is huge.
    """
    size = getattr(raw, "size", None)
    count = size if isinstance(size, int) else getattr(raw, "numel", lambda: 0)()
    if max(count, len(raw) if isinstance(raw, Sequence) else 0) > LARGEST:
        raise UnreadableError(f"That has more than {LARGEST:,} entries; far fewer are enough.")
    if isinstance(raw, str | bytes | dict | set):
        raise UnreadableError(f"Numbers are asked for; {_kind(raw)} came.")
    plain = raw.detach().cpu().numpy() if hasattr(raw, "detach") else raw
    try:
        found = np.asarray(plain)
        if not (np.issubdtype(found.dtype, np.number) or found.dtype == bool):
            raise UnreadableError(f"Numbers are asked for; {_kind(raw)} came.")
        return found.astype(float, casting="same_kind" if found.dtype.kind == "f" else "safe")
    except (TypeError, ValueError) as error:
        raise UnreadableError(f"Real numbers are asked for; {_kind(raw)} came.") from error


def _scalar(raw: Any) -> float:
    if isinstance(raw, bool):
        raise UnreadableError(f"A number is asked for, and {raw} is a truth value.")
    found = numbers(raw)
    if found.size != 1:
        raise UnreadableError(f"One number is asked for; this has shape {found.shape}.")
    return float(found.reshape(()))


def _is_texts(raw: Any) -> bool:
    return isinstance(raw, list | tuple | set | frozenset) and all(isinstance(r, str) for r in raw)


def _kind(raw: Any) -> str:
    """What something is, in words that show nothing of its content."""
    name = type(raw).__name__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} `{name}`"
