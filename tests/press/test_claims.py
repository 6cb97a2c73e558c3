"""The ledger: a claim file that is checked, and verdicts that follow from it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from scipy import stats

from ncbook import journal
from ncbook.errors import NcbookError
from ncbook.lab import profiles
from ncbook.press import artifacts, claim, claims
from ncbook.press.claimfile import LOCATION, PROFILES, Range, Rule, load_claims
from ncbook.press.claims import check_verdicts, collect, decide
from ncbook.press.markup import Markup

ENTRY: dict[str, Any] = {
    "id": "a",
    "paper": "1",
    "chapter": "01-first",
    "statement": "s",
    "tested": "t",
    "measure": "m",
    "criteria": {"default": {"holds": {"below": 1}}},
}


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[Markup]:
    outputs: list[Markup] = []
    monkeypatch.setattr(claims, "display", outputs.append)
    return outputs


def write(path: Path, *entries: Any) -> Path:
    text = yaml.safe_dump({"papers": {"1": "key"}, "claims": list(entries)}, allow_unicode=True)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"statement": None}, "claim a: statement is None"),
        ({"statement": " "}, "claim a: statement is ' '"),
        ({"paper": 2306.0796}, "claim a: paper is 2306.0796"),
        ({"paper": "2"}, "claim a: paper '2' is not under papers"),
        ({"id": ""}, "claim number 1: id is ''"),
        ({"colour": "red"}, "claim a: unknown field 'colour'"),
        ({"format": "%d"}, "claim a: format '%d' is none"),
        ({"criteria": {}}, "claim a: criteria has nothing for smoke"),
        ({"criteria": []}, "claim a: criteria has nothing for smoke"),
        ({"criteria": "x"}, "claim a: criteria is 'x'"),
        ({"criteria": {"laptop": {"holds": {"below": 1}}}}, "criteria has nothing for smoke"),
        ({"criteria": {"desk": {}}}, "claim a: criteria has unknown profile 'desk'"),
        ({"criteria": {"default": {"partly": {"below": 1}}}}, "claim a: criteria.default is"),
        ({"criteria": {"default": {"not testable": True}}}, "claim a: criteria.default is"),
        ({"criteria": {"default": {"holds": {"under": 1}}}}, "claim a: criteria.default.holds is"),
        ({"criteria": {"default": {"holds": {"below": "1"}}}}, "criteria.default.holds is"),
        ({"criteria": {"default": {"holds": {"between": [2, 1]}}}}, "criteria.default.holds is"),
        ({"criteria": {"default": {"holds": {"below": 1, "above": 0}}}}, "default.holds is"),
        ({"expect": {"laptop": "maybe"}}, "claim a: expect.laptop is 'maybe'"),
        ({"expect": {"desk": "holds"}}, "claim a: expect has unknown profile 'desk'"),
    ],
)
def test_a_wrong_entry_is_named(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(NcbookError) as caught:
        load_claims(write(tmp_path / "claims.yml", ENTRY | changes))
    assert message in str(caught.value)


def test_an_entry_that_is_no_mapping_is_named(tmp_path: Path) -> None:
    with pytest.raises(NcbookError, match="claim number 2: id is None"):
        load_claims(write(tmp_path / "claims.yml", ENTRY, "text"))


def test_an_id_is_used_once(tmp_path: Path) -> None:
    with pytest.raises(NcbookError, match="claim 'a' is there twice"):
        load_claims(write(tmp_path / "claims.yml", ENTRY, ENTRY))


def test_a_missing_or_broken_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(NcbookError, match="There is no claims file"):
        load_claims(tmp_path / "none.yml")
    (tmp_path / "broken.yml").write_text("claims: [", encoding="utf-8")
    with pytest.raises(NcbookError, match="is no YAML"):
        load_claims(tmp_path / "broken.yml")


def test_profiles_are_the_labs() -> None:
    assert set(PROFILES) == set(profiles.PROFILES)


@pytest.mark.parametrize(
    ("rule", "interval", "verdict"),
    [
        (Rule(Range(high=1)), (0.1, 0.5, 0.9), "holds"),
        (Rule(Range(high=1)), (0.1, 0.5, 1.1), "holds in part"),
        (Rule(Range(high=1)), (0.9, 1.1, 1.3), "does not hold"),
        (Rule(Range(high=1), Range(high=2)), (0.9, 1.1, 5.0), "holds in part"),
        (Rule(Range(high=1), Range(high=2)), (1.9, 2.1, 5.0), "does not hold"),
        (Rule(Range(low=1)), (1.1, 2.0, 3.0), "holds"),
        (Rule(Range(low=1)), (0.9, 2.0, 3.0), "holds in part"),
        (Rule(Range(0, 1)), (0.1, 0.5, 0.9), "holds"),
        (Rule(Range(0, 1)), (-0.1, 0.5, 0.9), "holds in part"),
        (Rule(None, reason="too small"), (0.1, 0.5, 0.9), "not testable"),
    ],
)
def test_verdicts(rule: Rule, interval: tuple[float, float, float], verdict: str) -> None:
    assert decide(rule, *interval) == verdict


def test_a_claim_shows_its_interval_and_is_recorded(in_book: Path, shown: list[Markup]) -> None:
    values = [1.0, 1.4, 0.9]
    journal.note("run", id="x", trained=True, device="a fast one")
    claim("small-number", np.array(values))
    record = artifacts.read(in_book, "claims")["small-number"]
    low, high = stats.t.interval(0.95, 2, loc=np.mean(values), scale=stats.sem(values))
    assert record["low"] == pytest.approx(low)
    assert record["high"] == pytest.approx(high)
    assert record["values"] == values
    assert record["verdict"] == "holds"
    assert (record["profile"], record["device"]) == ("laptop", "a fast one")
    page = shown[0]._repr_html_()
    for part in ("The number is small.", f"interval {low:.3g} to {high:.3g}", "3 seeds"):
        assert part in page
        assert part in repr(shown[0])
    assert "✓&nbsp;holds" in page


def test_one_value_is_its_own_interval(in_book: Path, shown: list[Markup]) -> None:
    claim("small-number", 2.5)
    record = artifacts.read(in_book, "claims")["small-number"]
    assert record["low"] == record["mean"] == record["high"] == 2.5
    assert "2.5, one value" in repr(shown[0])


def test_in_a_readers_hands_nothing_is_written(
    claims_file: Path, shown: list[Markup], tmp_path: Path
) -> None:
    before = sorted(tmp_path.rglob("*"))
    claim("small-number", [1.0])
    claim("small-number", [1.0])
    assert sorted(tmp_path.rglob("*")) == before
    assert "(interactive)" in repr(shown[0])


def test_a_profile_that_cannot_test_it_says_why(
    tmp_path: Path, in_book: Path, shown: list[Markup], monkeypatch: pytest.MonkeyPatch
) -> None:
    criteria = ENTRY["criteria"] | {"smoke": {"not testable": "two epochs are too few"}}
    path = write(tmp_path / "own.yml", ENTRY | {"criteria": criteria})
    monkeypatch.setenv(LOCATION, str(path))
    monkeypatch.setenv(artifacts.PROFILE, "smoke")
    claim("a", [5.0])
    assert "not testable at this scale" in repr(shown[0])
    assert "Not testable: two epochs are too few." in shown[0]._repr_html_()


def test_a_stand_in_for_the_data_is_named(in_book: Path, shown: list[Markup]) -> None:
    journal.note("data", name="digits", source="scikit-learn", fallback=True)
    claim("small-number", [1.0, 1.1])
    assert "Measured on digits, for want of the real data." in shown[0]._repr_html_()
    assert artifacts.read(in_book, "claims")["small-number"]["fallback"] == "digits"


@pytest.mark.parametrize("values", [[], [float("nan")], [1.0, float("inf")]])
def test_values_must_be_finite_numbers(in_book: Path, values: list[float]) -> None:
    with pytest.raises(NcbookError, match="Give a finite number for each seed"):
        claim("small-number", values)


def test_unknown_twice_and_in_the_wrong_chapter(
    in_book: Path, shown: list[Markup], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NcbookError, match=r"no claim 'large'.*Known are small-number"):
        claim("large", [1.0])
    claim("small-number", [1.0])
    with pytest.raises(NcbookError, match="records claims 'small-number' twice"):
        claim("small-number", [1.0])
    monkeypatch.setenv(artifacts.CHAPTER, "02-second")
    with pytest.raises(NcbookError, match="belongs to chapter 01-first, not 02-second"):
        claim("small-number", [1.0])


def test_a_change_of_verdict_is_reported(
    in_book: Path, claims_file: Path, shown: list[Markup], tmp_path: Path
) -> None:
    known = load_claims(claims_file)
    assert check_verdicts({}, known, "smoke") == [], "nothing is expected of that profile"
    (missing,) = check_verdicts({}, known, "laptop")
    assert missing == "small-number: expected 'holds', but 01-first records nothing"
    claim("small-number", [2.0, 3.5])
    executed = tmp_path / "executed" / "artifacts" / "01-first"
    executed.mkdir(parents=True)
    (executed / "claims.json").write_text((in_book / "claims.json").read_text("utf-8"), "utf-8")
    ledger = collect(tmp_path / "executed")
    (line,) = check_verdicts(ledger, known, "laptop")
    assert line.startswith("small-number: expected 'holds', got 'holds in part' (2.75, 95 % int")
    stand_in = {"small-number": replace(ledger["small-number"], fallback="digits")}
    assert check_verdicts(stand_in, known, "laptop") == []


def test_the_books_own_claims_file_is_in_order(root: Path) -> None:
    known = load_claims(root / "book" / "claims.yml")
    for subject in known.claims.values():
        assert (root / "book" / f"{subject.chapter}.ipynb").is_file(), subject.id


def test_records_are_plain_json(in_book: Path, shown: list[Markup]) -> None:
    claim("small-number", [1.0])
    records = json.loads((in_book / "claims.json").read_text(encoding="utf-8"))
    assert "small-number" in str(records)
