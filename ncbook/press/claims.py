"""The ledger: what the papers claim, measured in the chapters, with a verdict for each claim."""

import html
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from IPython.display import display

from ncbook import journal
from ncbook.errors import NcbookError
from ncbook.press import artifacts
from ncbook.press.claimfile import (
    FAILS,
    HOLDS,
    OWN,
    PARTLY,
    UNTESTABLE,
    Claim,
    ClaimFile,
    Rule,
    claims_path,
    load_claims,
)
from ncbook.press.intervals import t_interval
from ncbook.press.markup import Markup
from ncbook.press.numerals import typeset

SHOWN = {
    HOLDS: "holds",
    PARTLY: "holds in part",
    FAILS: "does not hold here",
    UNTESTABLE: "not testable at this scale",
}
SIGNS = {HOLDS: "✓", PARTLY: "≈", FAILS: "✗", UNTESTABLE: "?"}


@dataclass(frozen=True)
class Record:
    """What a chapter measured for one claim.

    Attributes:
        id: the claim's.
        chapter: the chapter that measured it.
        values: one for each seed.
        mean, low, high: over the seeds, with the 95 % t interval; all equal if there is one value.
        verdict: one of `VERDICTS`.
        profile, device: where it was measured.
        sources: where the data came from.
        fallback: the data set that stood in for the one asked for, or None.
    """

    id: str
    chapter: str
    values: list[float]
    mean: float
    low: float
    high: float
    verdict: str
    profile: str
    device: str
    sources: list[str]
    fallback: str | None


Ledger = Mapping[str, Record]


def claim(claim_id: str, values: Any) -> None:
    """Compare what was measured with a claim of ``book/claims.yml`` and show the verdict.

    The claim *holds* if the whole 95 % t interval over the seeds meets its criterion; *holds in
    part* if only the mean does, or if the mean meets the weaker criterion ``partly``; else it *does
    not hold here*. A profile whose entry says so can't test it. One value, such as the gap of a
    proved bound, is its own interval.

    Args:
        claim_id: an id in the file.
        values: one number for each seed, or a single number.

    Raises:
        NcbookError: if the id is unknown or belongs to another chapter, there is no value, or one
            is NaN or infinite.
    """
    known = _claims(claims_path()).claims
    if claim_id not in known:
        names = ", ".join(known) or "none so far"
        raise NcbookError(
            f"There is no claim {claim_id!r} in {claims_path()}", f"Known are {names}"
        )
    subject = known[claim_id]
    if artifacts.chapter() not in (subject.chapter, artifacts.INTERACTIVE):
        raise NcbookError(
            f"Claim {claim_id!r} belongs to chapter {subject.chapter}, not {artifacts.chapter()}",
            "Correct its chapter in claims.yml, or move the cell",
        )
    record = _measure(subject, values)
    artifacts.record("claims", claim_id, asdict(record))
    display(Markup(_box(subject, record), _line(subject, record)))  # type: ignore[no-untyped-call]


@lru_cache(maxsize=1)
def _claims(path: Path) -> ClaimFile:
    return load_claims(path)


def _measure(subject: Claim, values: Any) -> Record:
    numbers = np.atleast_1d(np.asarray(values, dtype=float)).ravel()  # (seeds,)
    if not len(numbers) or not np.isfinite(numbers).all():
        raise NcbookError(
            f"claim({subject.id!r}) got {numbers.tolist()}", "Give a finite number for each seed"
        )
    low, mean, high = map(float, t_interval(numbers))
    profile = artifacts.profile()
    return Record(
        id=subject.id,
        chapter=subject.chapter,
        values=numbers.tolist(),
        mean=mean,
        low=low,
        high=high,
        verdict=decide(subject.rule(profile), low, mean, high),
        profile=profile,
        device=artifacts.device(),
        sources=[data["source"] for data in journal.notes("data")],
        fallback=journal.fallback(),
    )


def decide(rule: Rule, low: float, mean: float, high: float) -> str:
    """The verdict on a mean and its interval."""
    if rule.holds is None:
        return UNTESTABLE
    if rule.holds.holds(low) and rule.holds.holds(high):
        return HOLDS
    if rule.holds.holds(mean) or (rule.partly and rule.partly.holds(mean)):
        return PARTLY
    return FAILS


def measured(subject: Claim, record: Record) -> str:
    """What was measured, in words: ``0.120, 95 % interval 0.101 to 0.139, 3 seeds``."""
    values = (record.low, record.mean, record.high)
    low, mean, high = (typeset(f"{value:{subject.format}}") for value in values)
    unit = f" {subject.unit}" if subject.unit else ""
    if len(record.values) == 1:
        return f"{mean}{unit}, one value"
    return f"{mean}{unit}, 95 % interval {low} to {high}, {len(record.values)} seeds"


def _notes(subject: Claim, record: Record) -> list[str]:
    """What a reader must know to read the verdict right."""
    notes = []
    if record.verdict == UNTESTABLE:
        notes.append(f"Not testable: {subject.rule(record.profile).reason}.")
    if record.fallback:
        notes.append(f"Measured on {record.fallback}, for want of the real data.")
    return notes


def _line(subject: Claim, record: Record) -> str:
    facts = f"{subject.measure}: {measured(subject, record)} ({record.profile})"
    parts = [f"Claim: {subject.statement}", facts, f"Verdict: {SHOWN[record.verdict]}"]
    return "\n".join(parts + _notes(subject, record))


def _box(subject: Claim, record: Record) -> str:
    """The verdict as a note on the page; its few styles serve where the book's sheet is absent."""
    text = html.escape
    source = "this book" if subject.paper == OWN else f"arXiv {subject.paper}"
    found = f"{text(subject.measure)}: {text(measured(subject, record))}"
    where = text(" · ".join(filter(None, (record.profile, record.device))))
    notes = "".join(f"<p>{text(note)}</p>" for note in _notes(subject, record))
    return (
        f'<section id="claim-{text(subject.id)}" class="ncbook-claim" aria-label="Claim" '
        'style="border:1px solid;border-radius:6px;padding:.4em 1em;margin:.6em 0">'
        f"<p><strong>Claim</strong> ({text(source)}): {text(subject.statement)}</p>"
        f"<p>{verdict_markup(record.verdict)} · {found}</p>{notes}"
        f"<details><summary>How it was tested</summary><p>{text(subject.tested)}</p>"
        f"<p>Profile and device: {where}</p></details></section>"
    )


def verdict_markup(verdict: str) -> str:
    """A verdict in words, with a sign, and a class to colour it by."""
    kind = verdict.replace(" ", "-")
    return (
        f'<span class="ncbook-verdict ncbook-{kind}">{SIGNS[verdict]}&nbsp;{SHOWN[verdict]}</span>'
    )


def collect(executed: Path) -> Ledger:
    """All records that the executed chapters in a folder left, by claim id.

    Args:
        executed: the folder of one profile's executed chapters, ``Book.executed(profile)``.
    """
    files = sorted(executed.glob("artifacts/*/claims.json"))
    found = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    return {name: Record(**facts) for entries in found for name, facts in entries.items()}


def check_verdicts(ledger: Ledger, claims: ClaimFile, profile: str) -> list[str]:
    """Where a measured verdict isn't the one that the claims file expects, a line each.

    Claims that say nothing about the profile are left alone, and so is what was measured on a
    stand-in for the data: that verdict is about other images.
    """
    lines = []
    for subject in claims.claims.values():
        expected, record = subject.expect.get(profile), ledger.get(subject.id)
        if expected is None or (record and record.fallback):
            continue
        if record is None:
            lines.append(
                f"{subject.id}: expected '{expected}', but {subject.chapter} records nothing"
            )
        elif record.verdict != expected:
            facts = measured(subject, record)
            lines.append(f"{subject.id}: expected '{expected}', got '{record.verdict}' ({facts})")
    return lines
