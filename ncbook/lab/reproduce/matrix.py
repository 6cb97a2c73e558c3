"""The declared matrix of runs: ``matrix.yml`` read and multiplied out, one row a run."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import cached_property, lru_cache
from importlib.resources import files
from itertools import product
from typing import Any

import yaml

from ncbook.errors import NcbookError
from ncbook.lab.config import RunConfig
from ncbook.lab.profiles import Settings, profile

PROFILES = ("paper", "smoke")
# What the profile itself decides at the size of the tests.
_SIZES = {"train_size", "test_size"}


@dataclass(frozen=True)
class Row:
    """One training run of the matrix.

    Attributes:
        name: its block and the values of its axes, joined by hyphens.
        block: the block's name.
        paper: whose experiment it is, by arXiv id.
        experiment: in `ncbook.lab.profiles.EXPERIMENTS`.
        profile: ``paper`` or ``smoke``.
        values: the name of its value on each axis.
        settings: what those values set.
    """

    name: str
    block: str
    paper: str
    experiment: str
    profile: str
    values: tuple[tuple[str, str], ...]
    settings: tuple[tuple[str, Any], ...]

    @cached_property
    def config(self) -> RunConfig:
        """What is trained."""
        return profile(self.profile).config(self.experiment, **dict(self.settings))


@dataclass(frozen=True)
class Pair:
    """Two runs that differ in their seed alone, to be compared (2305.11957)."""

    name: str
    block: str
    paper: str
    rows: tuple[Row, Row]


@dataclass(frozen=True)
class Block:
    """A family of rows: the product of its axes.

    Attributes:
        name: as rows begin.
        paper: arXiv id.
        title: in words.
        settings: what our sources give of the paper's protocol, and the rows follow.
        deviations: where the rows differ from it, or had to choose.
        rows: the runs.
        pairs: the comparisons.
        without: combinations left out, and why.
    """

    name: str
    paper: str
    title: str
    settings: tuple[str, ...]
    deviations: tuple[str, ...]
    rows: tuple[Row, ...]
    pairs: tuple[Pair, ...]
    without: tuple[str, ...]


@dataclass(frozen=True)
class Matrix:
    """All blocks."""

    blocks: tuple[Block, ...]

    @property
    def rows(self) -> list[Row]:
        """Every run, block after block."""
        return [row for block in self.blocks for row in block.rows]

    @property
    def pairs(self) -> list[Pair]:
        """Every comparison."""
        return [pair for block in self.blocks for pair in block.pairs]

    def find(self, patterns: Iterable[str]) -> list[Row]:
        """The rows that any of the patterns names, in the matrix's order; all if there is none.

        Args:
            patterns: names, with ``*`` for anything: ``geometry-resnet18-cifar10-*-relu-0``. The
                name of a comparison stands for the runs that it needs.

        Raises:
            NcbookError: exit code 2, naming a pattern that fits nothing.
        """
        named = {pattern: self._named(pattern) for pattern in patterns}
        for pattern, found in named.items():
            if not found:
                raise self._unknown(pattern)
        wanted = {row.name for found in named.values() for row in found}
        return [row for row in self.rows if not named or row.name in wanted]

    def _named(self, pattern: str) -> list[Row]:
        compared = [row for p in self.pairs if fnmatchcase(p.name, pattern) for row in p.rows]
        return [row for row in self.rows if fnmatchcase(row.name, pattern)] + compared

    def _unknown(self, pattern: str) -> NcbookError:
        names = [row.name for row in self.rows] + [pair.name for pair in self.pairs]
        near = get_close_matches(pattern, names, n=1)
        hint = f"Did you mean {near[0]}? " if near else ""
        cure = f"{hint}`ncbook reproduce list` shows all"
        return NcbookError(f"The matrix has no row {pattern!r}", cure, 2)


@lru_cache
def load_matrix(profile: str = "paper") -> Matrix:
    """The matrix at full size, or the same rows at the size of the tests.

    Raises:
        NcbookError: if there is no such profile here (exit code 2).
    """
    if profile not in PROFILES:
        known = ", ".join(PROFILES)
        raise NcbookError(f"The matrix has no profile {profile!r}", f"Use one of {known}", 2)
    text = (files(__package__) / "matrix.yml").read_text(encoding="utf-8")
    return parse(yaml.safe_load(text), profile)


def parse(content: Mapping[str, Any], profile: str) -> Matrix:
    """The matrix that the content of such a file declares."""
    small = content["smoke"] if profile == "smoke" else None
    return Matrix(tuple(_block(name, b, profile, small) for name, b in content["blocks"].items()))


def _block(
    name: str, facts: Mapping[str, Any], profile: str, small: Mapping[str, Any] | None
) -> Block:
    without = facts.get("without", []) + (small["without"] if small else [])
    rows = []
    for values in _combinations(facts["axes"]):
        if not any(entry["match"].items() <= values.items() for entry in without):
            settings = _settings(facts["axes"], values)
            rows.append(
                Row(
                    "-".join((name, *_suffix(values))),
                    name,
                    facts["paper"],
                    facts["experiment"],
                    profile,
                    tuple(values.items()),
                    tuple((_shrunk(settings, small) if small else settings).items()),
                )
            )
    return Block(
        name,
        facts["paper"],
        facts["title"],
        tuple(facts["settings"]),
        tuple(facts["deviations"]),
        tuple(rows),
        tuple(_pairs(rows, facts["pairs"])) if "pairs" in facts else (),
        tuple(entry["why"] for entry in without),
    )


def _combinations(axes: Mapping[str, Mapping[str, Settings]]) -> Iterator[dict[str, str]]:
    for names in product(*axes.values()):
        yield dict(zip(axes, names, strict=True))


def _suffix(values: Mapping[str, str]) -> list[str]:
    """The values in a row's name, the seed last whatever the order of the axes."""
    return [value for axis, value in values.items() if axis != "seed"] + [values["seed"]]


def _settings(axes: Mapping[str, Mapping[str, Settings]], values: Mapping[str, str]) -> Settings:
    merged: Settings = {}
    for axis, value in values.items():
        merged |= axes[axis][value]
    return merged


def _shrunk(settings: Settings, small: Mapping[str, Any]) -> Settings:
    """The same at the size of the tests, by a small network of the same kind."""
    kept = {name: value for name, value in settings.items() if name not in _SIZES}
    if "arch" in kept:
        kept["arch"] = small["arch"][kept["arch"]]
    if "ratio" in kept:
        kept["ratio"] = min(kept["ratio"], small["ratio"])
    return kept


def _pairs(rows: Iterable[Row], axis: str) -> Iterator[Pair]:
    """Rows that differ on one axis alone, two by two."""
    alike: dict[str, list[Row]] = {}
    for row in rows:
        alike.setdefault("-".join(v for name, v in row.values if name != axis), []).append(row)
    for suffix, (first, second) in alike.items():
        yield Pair(f"{first.block}-{suffix}-analysis", first.block, first.paper, (first, second))
