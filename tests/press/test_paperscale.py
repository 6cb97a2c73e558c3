"""The page on paper scale and the claims' column: what is done, waits, or can't be decided."""

from pathlib import Path

import numpy as np
import pytest
from bs4 import BeautifulSoup

from ncbook.lab.reproduce.collect import of_pair
from ncbook.lab.reproduce.decisions import current, load_decisions
from ncbook.lab.reproduce.matrix import Matrix, load_matrix
from ncbook.lab.reproduce.reference import Reference, write
from ncbook.lab.reproduce.statistics import METRICS
from ncbook.press.claimfile import ClaimFile, load_claims
from ncbook.press.pages import claims_page
from ncbook.press.paperscale import Scale, claim_cells, paperscale_page, read_scale
from tests.conftest import ROOT
from tests.lab.reference_world import cloud, fabricated_run, reference

FRAME = "geometry-resnet18-cifar10-balanced-reshuffled-relu"
TERMINAL = "terminal-*-cifar10"
TWINS = "bottleneck-resnet50-cifar10"


@pytest.fixture(scope="module")
def claims() -> ClaimFile:
    return load_claims(ROOT / "book" / "claims.yml")


@pytest.fixture(scope="module")
def matrix() -> Matrix:
    return load_matrix()


def made(matrix: Matrix, pattern: str, **curves: list[float]) -> dict[str, Reference]:
    """Results that say the same for each row; a number is told apart by its seed."""
    rows = matrix.find([f"{pattern}-*"])
    curves = {name: [0.5] for name in METRICS} | curves
    spread = {r.name: 1 + 0.01 * r.config.seed for r in rows}
    return {
        row.name: reference(
            row, {name: [v * spread[row.name] for v in values] for name, values in curves.items()}
        )
        for row in rows
        if "analysis" not in row.name
    }


def with_curves(result: Reference, **curves: list[float]) -> Reference:
    ends = {name: values[-1] for name, values in curves.items()}
    metrics, columns = {**result.metrics, **ends}, {**result.curves, **curves}
    return Reference(result.name, {**result.facts, "metrics": metrics, "curves": columns}, {})


def scale(matrix: Matrix, found: dict[str, Reference]) -> Scale:
    counted = current(found, matrix)
    return Scale(matrix, counted, len(found) - len(counted))


def cells(claims: ClaimFile, matrix: Matrix, found: dict[str, Reference]) -> dict[str, str]:
    return claim_cells(claims, scale(matrix, found))


def text(markup: str) -> str:
    return BeautifulSoup(markup, "html.parser").get_text(" ").replace("\xa0", " ")


def test_every_decision_is_about_a_claim_of_the_book(claims: ClaimFile) -> None:
    assert set(load_decisions()) <= set(claims.claims)


def test_without_results_everything_waits(
    claims: ClaimFile, matrix: Matrix, tmp_path: Path
) -> None:
    nothing = read_scale(tmp_path / "not-there")
    found = claim_cells(claims, nothing)
    assert all(cell.startswith("waits for") for cell in found.values())
    assert text(found["scl-of-balanced"]).startswith("waits for 3 runs")
    assert text(found["ib-identifiable-held-out"]).startswith("waits for 1 comparison")
    page = paperscale_page(nothing, claims.papers)
    assert f"{len(matrix.rows)} training runs and {len(matrix.pairs)} comparisons" in page
    assert "None has been trained yet" in page
    assert "0 of 18" in page
    assert "95 %" not in page
    for block in matrix.blocks:
        assert f"(paper-scale-{block.name})=" in page
        for line in (*block.settings, *block.deviations, *block.without):
            assert f"- {line}\n" in page


def test_a_claim_is_decided_by_the_paper_profiles_criterion(
    claims: ClaimFile, matrix: Matrix
) -> None:
    for value, verdict in ((0.1, "holds"), (0.5, "does not hold here")):
        found = cells(claims, matrix, made(matrix, FRAME, of_distance=[1.0, value]))
        cell = text(found["scl-of-balanced"])
        assert verdict in cell
        assert "95 % interval" in cell
        assert "3 seeds" in cell
        assert "an accelerator" in cell
        assert FRAME in cell
        assert "waits for 3 of 6 runs" in text(found["scl-relu-matters"])


def test_an_interval_that_is_too_wide_holds_in_part(claims: ClaimFile, matrix: Matrix) -> None:
    found = made(matrix, FRAME, of_distance=[0.1])
    odd = matrix.find([f"{FRAME}-2"])[0]
    found[odd.name] = with_curves(found[odd.name], of_distance=[0.25])
    assert "holds in part" in text(cells(claims, matrix, found)["scl-of-balanced"])


def test_a_row_without_a_terminal_phase_leaves_its_claims_open(
    claims: ClaimFile, matrix: Matrix
) -> None:
    found = made(matrix, TERMINAL, train_accuracy=[0.1, 0.5], test_accuracy=[0.1, 0.4])
    assert text(cells(claims, matrix, found)["tpt-test-accuracy"]).startswith("undecided: ")


def test_several_versions_are_noted(claims: ClaimFile, matrix: Matrix) -> None:
    found = made(matrix, FRAME, of_distance=[0.1])
    first = found[f"{FRAME}-0"]
    found[first.name] = Reference(first.name, {**first.facts, "versions": {"torch": "9"}}, {})
    cell = text(cells(claims, matrix, found)["scl-of-balanced"])
    assert "made by several versions: torch 2 and 9" in cell


def test_the_page_shows_what_is_done(claims: ClaimFile, matrix: Matrix) -> None:
    numbers = {"of_distance": [0.1], "etf_distance": [0.05], "nc1": [0.01], "test_accuracy": [0.9]}
    page = paperscale_page(scale(matrix, made(matrix, FRAME, **numbers)), claims.papers)
    assert f"3 have been trained; {len(matrix.rows) - 3} wait." in page
    assert "3 of 18" in page
    row = next(
        line for line in BeautifulSoup(page, "html.parser").find_all("tr") if FRAME in line.text
    )
    shown = [cell.get_text() for cell in row.find_all("td")]
    assert shown[:2] == [FRAME, "3"]
    assert shown[2].startswith("0.909 (0.887 to 0.931")
    assert shown[-2:] == ["5 min 00 s", "an accelerator, ncbook 1, torch 2"]


def test_a_comparison_has_a_table_of_its_own(claims: ClaimFile, matrix: Matrix) -> None:
    runs = [
        fabricated_run(row.config, cloud(10, 24, 20, 0.2, 1 + seed), cloud(10, 24, 10, 0.2, 9))
        for seed, row in enumerate(matrix.find([f"{TWINS}-*"])[:2])
    ]
    found = made(matrix, TWINS, nc1=[0.01], etf_distance=[0.1])
    pair = matrix.pairs[0]
    found[pair.name] = of_pair(pair.name, [row.name for row in pair.rows], runs)
    assert found[pair.name].facts["runs"] == {n: found[n].facts["run"] for n in list(found)[:2]}
    whole = scale(matrix, found)
    page, cell = paperscale_page(whole, claims.papers), claim_cells(claims, whole)
    assert "Between the two networks:" in page
    assert "one value" in text(cell["ib-gap-at-k-minus-1"])


def test_results_of_other_settings_are_counted_apart(
    claims: ClaimFile, matrix: Matrix, tmp_path: Path
) -> None:
    row = matrix.find([f"{FRAME}-0"])[0]
    old = reference(row, {"of_distance": [0.1]}, run="0" * 16)
    write(Reference(old.name, old.facts, {"means": np.zeros(1)}), tmp_path)
    found = read_scale(tmp_path)
    assert (found.references, found.stale) == ({}, 1)
    assert "One result there is of other settings" in paperscale_page(found, claims.papers)


def test_the_ledger_has_the_column(claims: ClaimFile) -> None:
    works = dict.fromkeys(claims.papers.values(), "A paper")
    page = BeautifulSoup(
        claims_page(claims, {}, works, {"scl-of-balanced": "<b>x</b>"}), "html.parser"
    )
    table = page.find("table")
    assert table is not None
    assert [head.get_text() for head in table.find_all("th")][3] == "Paper scale"
    filled = page.find_all("td", attrs={"data-label": "Paper scale"})
    assert len(filled) == len(claims.claims)
    assert [cell.get_text() for cell in filled].count("x") == 1
    assert {cell.get_text() for cell in filled} == {"x", "–"}
