"""Reading ``book/claims.yml``: what the papers claim, and what would make each claim hold."""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ncbook.errors import NcbookError

HOLDS, PARTLY, FAILS, UNTESTABLE = "holds", "holds in part", "does not hold", "not testable"
VERDICTS = (HOLDS, PARTLY, FAILS, UNTESTABLE)
PROFILES = ("smoke", "laptop", "gpu", "paper")
OWN = "book"  # what stands for a paper where the claim is the book's own
DEFAULT = "default"
LOCATION = "NCBOOK_CLAIMS"
_TEXTS = ("id", "paper", "chapter", "statement", "tested", "measure")
_OPTIONAL = ("unit", "format", "expect")


@dataclass(frozen=True)
class Range:
    """The values that meet a criterion: all from ``low`` to ``high``."""

    low: float = -math.inf
    high: float = math.inf

    def holds(self, value: float) -> bool:
        """Whether a value lies in the range."""
        return self.low <= value <= self.high


@dataclass(frozen=True)
class Rule:
    """What decides a claim in one profile.

    Attributes:
        holds: where the whole interval must lie; None if the profile can't test the claim.
        partly: where the mean must lie for the claim to hold in part, if that is wider.
        reason: why the profile can't test the claim.
    """

    holds: Range | None
    partly: Range | None = None
    reason: str = ""


@dataclass(frozen=True)
class Claim:
    """One entry of ``claims.yml``; the file's header says what each field means."""

    id: str
    paper: str
    chapter: str
    statement: str
    tested: str
    measure: str
    unit: str
    format: str
    criteria: Mapping[str, Rule]
    expect: Mapping[str, str]

    def rule(self, profile: str) -> Rule:
        """The rule of a profile; a reader's own notebook goes by the laptop's."""
        name = profile if profile in PROFILES else "laptop"
        return self.criteria.get(name) or self.criteria[DEFAULT]


@dataclass(frozen=True)
class ClaimFile:
    """All claims by id, in the file's order, and the bibliography key of each paper by arXiv id."""

    claims: Mapping[str, Claim]
    papers: Mapping[str, str]


def claims_path() -> Path:
    """``NCBOOK_CLAIMS``, else the checkout's file, else the copy installed with the package."""
    here = Path(__file__)
    checkout, installed = here.parents[2] / "book" / "claims.yml", here.with_name("claims.yml")
    default = checkout if checkout.is_file() else installed
    return Path(os.environ.get(LOCATION) or default)


def load_claims(path: Path) -> ClaimFile:
    """Read and check a claims file.

    Raises:
        NcbookError: naming the entry and what is wrong with it.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except FileNotFoundError:
        raise NcbookError(
            f"There is no claims file {path}", "Set NCBOOK_CLAIMS to the book's claims.yml"
        ) from None
    except yaml.YAMLError as error:
        raise NcbookError(f"{path} is no YAML ({error})", "Mend the line it names") from error
    papers = {str(key): str(value) for key, value in (content.get("papers") or {}).items()}
    claims: dict[str, Claim] = {}
    for number, entry in enumerate(content.get("claims") or [], start=1):
        claim = _Entry(path, number, entry).read(papers)
        if claim.id in claims:
            raise NcbookError(f"{path}: claim {claim.id!r} is there twice", "Rename one")
        claims[claim.id] = claim
    return ClaimFile(claims, papers)


class _Entry:
    """One entry of the file while it is read; `fail` says where."""

    def __init__(self, path: Path, number: int, entry: Any) -> None:
        self.path = path
        self.fields: dict[str, Any] = entry if isinstance(entry, dict) else {}
        self.name = str(self.fields.get("id") or f"number {number}")

    def fail(self, problem: str, cure: str) -> NcbookError:
        return NcbookError(f"{self.path}: claim {self.name}: {problem}", cure)

    def read(self, papers: Mapping[str, str]) -> Claim:
        unknown = sorted(set(self.fields) - {*_TEXTS, *_OPTIONAL, "criteria"}, key=str)
        if unknown:
            raise self.fail(f"unknown field {unknown[0]!r}", "See the header of the file")
        texts = {name: self._text(name) for name in _TEXTS}
        if texts["paper"] not in {OWN, *papers}:
            raise self.fail(f"paper {texts['paper']!r} is not under papers", "Add it there")
        return Claim(
            **texts,
            unit=str(self.fields.get("unit", "")),
            format=self._format(),
            criteria=self._criteria(),
            expect=self._expect(),
        )

    def _text(self, name: str) -> str:
        value = self.fields.get(name)
        if not isinstance(value, str) or not value.strip():
            raise self.fail(f"{name} is {value!r}", f"Give {name} as text, a number in quotes")
        return value.strip()

    def _format(self) -> str:
        spec = str(self.fields.get("format", ".3g"))
        try:
            format(1.0, spec)
        except ValueError as error:
            raise self.fail(f"format {spec!r} is none", "Use one such as '.3f' or '.1%'") from error
        return spec

    def _criteria(self) -> dict[str, Rule]:
        entries = self._by_profile("criteria", (*PROFILES, DEFAULT))
        missing = [name for name in PROFILES if name not in entries and DEFAULT not in entries]
        if missing:
            raise self.fail(f"criteria has nothing for {missing[0]}", "Add it, or a default")
        return {name: self._rule(f"criteria.{name}", rule) for name, rule in entries.items()}

    def _rule(self, where: str, rule: Any) -> Rule:
        keys = set(rule) if isinstance(rule, dict) else set()
        if keys == {UNTESTABLE} and isinstance(rule[UNTESTABLE], str):
            return Rule(None, reason=rule[UNTESTABLE])
        if HOLDS not in keys or not keys <= {HOLDS, "partly"}:
            raise self.fail(
                f"{where} is {rule!r}",
                "Give holds, and partly if wanted; or 'not testable' with the reason",
            )
        partly = self._range(f"{where}.partly", rule["partly"]) if "partly" in keys else None
        return Rule(self._range(f"{where}.holds", rule[HOLDS]), partly)

    def _range(self, where: str, value: Any) -> Range:
        match value:
            case {"below": int() | float() as high, **rest} if not rest:
                return Range(high=high)
            case {"above": int() | float() as low, **rest} if not rest:
                return Range(low=low)
            case {"between": [int() | float() as low, int() | float() as high], **rest} if (
                not rest and low < high
            ):
                return Range(low, high)
        raise self.fail(
            f"{where} is {value!r}", "Use {below: x}, {above: x} or {between: [low, high]}"
        )

    def _expect(self) -> dict[str, str]:
        entries = self._by_profile("expect", PROFILES)
        for profile, verdict in entries.items():
            if verdict not in VERDICTS:
                allowed = ", ".join(VERDICTS)
                raise self.fail(f"expect.{profile} is {verdict!r}", f"Use one of: {allowed}")
        return entries

    def _by_profile(self, name: str, allowed: tuple[str, ...]) -> dict[str, Any]:
        value = self.fields.get(name) or {}
        if not isinstance(value, dict):
            raise self.fail(f"{name} is {value!r}", f"Give {name} for each profile")
        unknown = sorted(set(value) - set(allowed), key=str)
        if unknown:
            raise self.fail(
                f"{name} has unknown profile {unknown[0]!r}", f"Use {', '.join(allowed)}"
            )
        return value
