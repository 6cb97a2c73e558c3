"""Which claims the matrix decides, and what reference results say of them (``claims.yml``)."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from importlib.resources import files
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from ncbook.errors import NcbookError
from ncbook.lab.reproduce.matrix import Matrix, Row
from ncbook.lab.reproduce.reference import Reference

Array = NDArray[np.float64]
References = Mapping[str, Reference]
DRAWS = 9999  # of the permutation test


@dataclass(frozen=True)
class Decision:
    """How a claim is decided at paper scale; the file's header says what each field means."""

    claim: str
    value: str
    rows: tuple[str, ...] = ()
    pairs: tuple[str, ...] = ()
    how: str = "end"
    over: str = ""
    minus: str | tuple[str, ...] = ()
    by: str = "difference"

    def names(self, matrix: Matrix) -> tuple[str, ...]:
        """The rows or comparisons that it rests on."""
        if self.pairs:
            return tuple(pair.name for pair in matrix.pairs if _fits(pair.name, self.pairs))
        patterns = (*self.rows, *self.minus)
        return tuple(row.name for row in matrix.rows if _fits(condition(row), patterns))


@dataclass(frozen=True)
class Measured:
    """What reference results say of a claim.

    Attributes:
        claim: its id.
        names: the rows or comparisons that it rests on.
        waiting: those of them that have no result yet.
        values: one for each seed, or a single number; none while something is waiting.
        note: what a reader must know to read them right.
    """

    claim: str
    names: tuple[str, ...]
    waiting: tuple[str, ...]
    values: tuple[float, ...]
    note: str = ""


class NoPhase(Exception):
    """A row's training images were never all right, so it has no terminal phase."""


def load_decisions() -> dict[str, Decision]:
    """All decisions by claim.

    Raises:
        NcbookError: naming a claim whose entry has an unknown field or choice.
    """
    content = yaml.safe_load((files(__package__) / "claims.yml").read_text(encoding="utf-8"))
    return {claim: _decision(claim, entry) for claim, entry in content.items()}


def _decision(claim: str, entry: Mapping[str, Any]) -> Decision:
    try:
        fields: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in entry.items()
        }
        decision = Decision(claim, **fields)
    except TypeError as error:
        raise _wrong(claim, str(error)) from error
    known = (("how", HOW, decision.how), ("over", OVER, decision.over), ("by", BY, decision.by))
    for field, choices, value in known:
        if value not in choices:
            raise _wrong(claim, f"{field} is {value!r}, not one of {', '.join(choices)}")
    return decision


def _wrong(claim: str, what: str) -> NcbookError:
    return NcbookError(f"claims.yml of the matrix: {claim}: {what}", "Mend that entry")


def current(references: References, matrix: Matrix) -> dict[str, Reference]:
    """The results that belong to the matrix as it is; those of other settings count as absent."""
    rows = {
        row.name: references[row.name]
        for row in matrix.rows
        if row.name in references and belongs(references[row.name], row)
    }
    runs = {name: reference.facts["run"] for name, reference in rows.items()}
    pairs = {
        pair.name: references[pair.name]
        for pair in matrix.pairs
        if pair.name in references
        and references[pair.name].facts["runs"] == {r.name: runs.get(r.name) for r in pair.rows}
    }
    return rows | pairs


def belongs(reference: Reference, row: Row) -> bool:
    """Whether a result is of the row as it is declared and trained today."""
    run_id = row.config.run_id(reference.facts["data"]["digest"])
    return reference.config == row.config and reference.facts["run"] == run_id


def measure(decision: Decision, matrix: Matrix, references: References) -> Measured:
    """The values of a claim from results that are `current`, or what it waits for."""
    names = decision.names(matrix)
    waiting = tuple(name for name in names if name not in references)
    if waiting:
        return Measured(decision.claim, names, waiting, ())
    note = mixed_versions(references[name] for name in names)
    try:
        values = _values(decision, matrix, references)
    except NoPhase as error:
        return Measured(decision.claim, names, (), (), str(error))
    return Measured(decision.claim, names, (), tuple(values.tolist()), note)


def mixed_versions(references: Iterable[Reference]) -> str:
    """One line if results were not all made by the same versions, else nothing."""
    found: dict[str, set[str]] = {}
    for reference in references:
        for package, version in reference.facts["versions"].items():
            found.setdefault(package, set()).add(version)
    mixed = [f"{p} {' and '.join(sorted(v))}" for p, v in sorted(found.items()) if len(v) > 1]
    return f"made by several versions: {', '.join(mixed)}" if mixed else ""


def condition(row: Row) -> str:
    """A row's name without its seed."""
    return row.name.rsplit("-", 1)[0]


def _fits(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _values(decision: Decision, matrix: Matrix, references: References) -> Array:
    if decision.pairs:
        sides = [decision.value, *([decision.minus] if decision.minus else [])]
        chosen = [references[name].metrics for name in decision.names(matrix)]
        terms = [np.array([metrics[str(side)] for metrics in chosen], float) for side in sides]
    else:
        sets = [decision.rows, *([decision.minus] if decision.minus else [])]
        terms = [_of_rows(decision, tuple(part), matrix, references) for part in sets]
    return terms[0] if len(terms) == 1 else BY[decision.by](*terms)


def _of_rows(
    decision: Decision, patterns: tuple[str, ...], matrix: Matrix, references: References
) -> Array:
    """What conditions make of their rows, one number for each seed or one in all."""
    table: dict[str, list[float]] = {}
    for row in matrix.rows:
        if _fits(condition(row), patterns):
            number = HOW[decision.how](_Curve(references[row.name], decision.value))
            table.setdefault(condition(row), []).append(number)
    values: Array = np.atleast_1d(OVER[decision.over](np.array(list(table.values()), float)))
    return values


@dataclass(frozen=True)
class _Curve:
    """One number of a run through its training, and when its training images were all right."""

    reference: Reference
    name: str

    @property
    def end(self) -> float:
        return float(self.reference.metrics[self.name])

    @cached_property
    def perfect(self) -> list[bool]:
        return [accuracy == 1 for accuracy in self.reference.curves["train_accuracy"]]

    @property
    def terminal_start(self) -> float:
        """At the measured epoch from which on there is no training mistake."""
        mistakes = [place for place, right in enumerate(self.perfect) if not right]
        return self._at(mistakes[-1] + 1 if mistakes else 0)

    @property
    def first_perfect(self) -> float:
        """At the first measured epoch without a training mistake."""
        return self._at(self.perfect.index(True) if True in self.perfect else len(self.perfect))

    def _at(self, place: int) -> float:
        if place == len(self.perfect):
            raise NoPhase(f"{self.reference.name} has no terminal phase")
        return float(self.reference.curves[self.name][place])


def _only(table: Array) -> Array:
    if len(table) != 1:
        raise ValueError(f"{len(table)} conditions, and nothing says what they make")
    row: Array = table[0]
    return row


def permutation_p(table: Array) -> Array:
    """p of the spread of row means if the numbers of a seed could have come in any order.

    Args:
        table: (alignments, seeds).
    """
    draw = np.random.default_rng(0)
    stacked = np.broadcast_to(table, (DRAWS, *table.shape))
    shuffled = draw.permuted(stacked, axis=1)
    spread = shuffled.mean(2).var(1)  # (draws,)
    # Orders that give the same spread must count, whatever rounding makes of them.
    as_wide = spread >= table.mean(1).var() * (1 - 1e-9)
    return np.array((1 + as_wide.sum()) / (1 + DRAWS))


def _against_seeds(table: Array) -> Array:
    """Deviation between conditions, in each seed, over that between seeds within a condition."""
    between: Array = table.std(axis=0, ddof=1) / table.std(axis=1, ddof=1).mean()
    return between


HOW: Mapping[str, Callable[[_Curve], float]] = {
    "end": lambda c: c.end,
    "gain": lambda c: c.end - c.terminal_start,
    "ratio": lambda c: c.end / c.terminal_start,
    "perfect gain": lambda c: c.end - c.first_perfect,
}
OVER: Mapping[str, Callable[[Array], Array]] = {
    "": _only,
    "max": lambda table: table.max(0),
    "min": lambda table: table.min(0),
    "mean": lambda table: table.mean(0),
    "range": lambda table: np.ptp(table, axis=0),
    "p of alignments": permutation_p,
    "spread against seeds": _against_seeds,
}
BY: Mapping[str, Callable[[Array, Array], Array]] = {
    "difference": np.subtract,
    "ratio": np.divide,
}
