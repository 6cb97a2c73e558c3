"""What reference results say of claims: their values, what they wait for, what can't be said."""

import dataclasses

import numpy as np
import pytest
from scipy import stats

from ncbook.errors import NcbookError
from ncbook.lab.reproduce import decisions as module
from ncbook.lab.reproduce.decisions import (
    Decision,
    current,
    load_decisions,
    measure,
    mixed_versions,
    permutation_p,
)
from ncbook.lab.reproduce.matrix import load_matrix
from ncbook.lab.reproduce.reference import Reference
from ncbook.lab.reproduce.statistics import METRICS
from tests.lab.reference_world import part, reference

RELU, LINEAR = "balanced-reshuffled-relu", "balanced-reshuffled-linear"
MATRIX = part([f"geometry-resnet18-cifar10-{end}-*" for end in (RELU, LINEAR)])
FRAME = [f"geometry-resnet18-cifar10-{end}" for end in (RELU, LINEAR)]


def results(values: dict[str, list[float]], **curves: list[float]) -> dict[str, Reference]:
    """Results whose Δ_OF is given for each condition, seed by seed."""
    found = {}
    for row in MATRIX.rows:
        name, seed = row.name.rsplit("-", 1)
        numbers = {"of_distance": [1.0, values[name][int(seed)]], **curves}
        found[row.name] = reference(row, numbers)
    return found


GIVEN = results({FRAME[0]: [0.1, 0.2, 0.3], FRAME[1]: [0.5, 0.9, 0.7]})


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"rows": (FRAME[0],)}, (0.1, 0.2, 0.3)),
        ({"rows": (FRAME[1],), "minus": (FRAME[0],)}, (0.4, 0.7, 0.4)),
        ({"rows": (FRAME[1],), "minus": (FRAME[0],), "by": "ratio"}, (5, 4.5, 7 / 3)),
        ({"rows": ("geometry-*",), "over": "max"}, (0.5, 0.9, 0.7)),
        ({"rows": ("geometry-*",), "over": "min"}, (0.1, 0.2, 0.3)),
        ({"rows": ("geometry-*",), "over": "mean"}, (0.3, 0.55, 0.5)),
        ({"rows": ("geometry-*",), "over": "range"}, (0.4, 0.7, 0.4)),
        (
            {"rows": ("geometry-*",), "over": "spread against seeds"},
            tuple(np.array([0.4, 0.7, 0.4]) / np.sqrt(2) / ((0.1 + 0.2) / 2)),
        ),
    ],
)
def test_conditions_and_seeds_make_the_values(
    fields: dict[str, object], expected: tuple[float, ...]
) -> None:
    decision = Decision("a-claim", "of_distance", **fields)  # type: ignore[arg-type]
    found = measure(decision, MATRIX, GIVEN)
    assert found.waiting == ()
    assert found.values == pytest.approx(expected)


@pytest.mark.parametrize(
    ("how", "expected"), [("end", 9.0), ("gain", 4.0), ("ratio", 1.8), ("perfect gain", 6.0)]
)
def test_the_terminal_phase_begins_behind_the_last_mistake(how: str, expected: float) -> None:
    accuracy = [0.1, 1.0, 0.9, 1.0, 1.0]
    given = results(
        {name: [0.0] * 3 for name in FRAME},
        train_accuracy=accuracy,
        nc1=[1.0, 3.0, 4.0, 5.0, 9.0],
    )
    decision = Decision("a-claim", "nc1", rows=(FRAME[0],), how=how)
    assert measure(decision, MATRIX, given).values == pytest.approx((expected,) * 3)


@pytest.mark.parametrize("accuracy", [[0.5, 0.9], [1.0, 0.9]])
def test_a_run_without_a_terminal_phase_decides_nothing(accuracy: list[float]) -> None:
    given = results({n: [0.0] * 3 for n in FRAME}, train_accuracy=accuracy, nc1=[1.0, 2.0])
    decision = Decision("a-claim", "nc1", rows=(FRAME[0],), how="gain")
    found = measure(decision, MATRIX, given)
    assert found.values == ()
    assert found.note == f"{FRAME[0]}-0 has no terminal phase"


def test_a_claim_waits_for_every_row() -> None:
    some = {name: r for name, r in GIVEN.items() if not name.endswith("-1")}
    decision = Decision("a-claim", "of_distance", rows=(FRAME[0],), minus=(FRAME[1],))
    found = measure(decision, MATRIX, some)
    assert (found.values, len(found.names)) == ((), 6)
    assert set(found.waiting) == {f"{name}-1" for name in FRAME}


def test_several_conditions_must_be_made_one() -> None:
    with pytest.raises(ValueError, match="2 conditions"):
        measure(Decision("a-claim", "of_distance", rows=("geometry-*",)), MATRIX, GIVEN)


def test_comparisons_give_a_number_each() -> None:
    matrix = part(["bottleneck-resnet50-cifar10-*"])
    pair = matrix.pairs[0]
    facts = {"metrics": {"a": 3.0, "b": 2.0}, "versions": {}}
    given = {pair.name: Reference(pair.name, facts, {})}
    decision = Decision("a-claim", "a", pairs=(pair.name,), minus="b")
    assert measure(decision, matrix, given).values == (1.0,)
    assert measure(dataclasses.replace(decision, by="ratio"), matrix, given).values == (1.5,)
    assert measure(decision, matrix, {}).waiting == (pair.name,)


def test_results_of_other_settings_or_runs_do_not_count() -> None:
    matrix = part(["bottleneck-resnet50-cifar10-*"])
    pair, rows = matrix.pairs[0], matrix.rows
    given = {row.name: reference(row, {"nc1": [1.0]}) for row in rows}
    runs = {name: r.facts["run"] for name, r in given.items()}
    given[pair.name] = Reference(pair.name, {"runs": runs}, {})
    assert set(current(given, matrix)) == set(given)
    other = part(["bottleneck-resnet50-cifar10-*"], epochs=7).rows[0]
    changed = given | {rows[0].name: reference(other, {"nc1": [1.0]})}
    assert set(current(changed, matrix)) == {rows[1].name}
    stale = given | {pair.name: Reference(pair.name, {"runs": {**runs, rows[0].name: "x"}}, {})}
    assert set(current(stale, matrix)) == {row.name for row in rows}


def test_several_versions_are_told_apart() -> None:
    row = MATRIX.rows[0]
    one, two = (reference(row, {}, versions={"ncbook": "1", "torch": v}) for v in ("2", "3"))
    assert mixed_versions([one, one]) == ""
    assert mixed_versions([one, two]) == "made by several versions: torch 2 and 3"
    decision = Decision("a-claim", "of_distance", rows=(FRAME[0],))
    given = GIVEN | {
        f"{FRAME[0]}-1": dataclasses.replace(
            GIVEN[f"{FRAME[0]}-1"],
            facts={**GIVEN[f"{FRAME[0]}-1"].facts, "versions": {"ncbook": "9"}},
        )
    }
    assert measure(decision, MATRIX, given).note == "made by several versions: ncbook 1 and 9"


def test_the_permutation_test_is_scipys() -> None:
    table = np.random.default_rng(5).normal(size=(5, 3)) + np.linspace(0, 1.5, 5)[:, None]

    def spread(*rows: np.ndarray, axis: int = -1) -> np.ndarray:
        return np.var([row.mean(axis) for row in rows], axis=0)

    theirs = stats.permutation_test(
        tuple(table),
        spread,
        permutation_type="samples",
        alternative="greater",
        n_resamples=9999,
        random_state=1,
    ).pvalue
    assert 0.01 < theirs < 0.5
    assert float(permutation_p(table)) == pytest.approx(theirs, abs=0.02)
    assert float(permutation_p(np.tile([0.5, 0.6, 0.7], (4, 1)))) == 1.0


def test_an_entry_that_makes_no_sense_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for entry, complaint in (
        ({"rows": ["x"], "value": "nc1", "above": 3}, "a-claim: .* 'above'"),
        ({"rows": ["x"], "value": "nc1", "over": "sum"}, "a-claim: over is 'sum'"),
    ):
        monkeypatch.setattr(module.yaml, "safe_load", lambda text, e=entry: {"a-claim": e})
        with pytest.raises(NcbookError, match=complaint):
            load_decisions()


def test_every_decision_of_the_file_fits_the_matrix() -> None:
    matrix = load_matrix()
    for decision in load_decisions().values():
        names = decision.names(matrix)
        assert names, decision.claim
        assert bool(decision.rows) != bool(decision.pairs)
        if decision.rows:
            assert decision.value in METRICS
            assert all(
                any(module._fits(module.condition(r), (p,)) for r in matrix.rows)
                for p in (*decision.rows, *decision.minus)
            ), decision.claim
            conditions = {n.rsplit("-", 1)[0] for n in names}
            assert decision.over or len(conditions) == 1 + bool(decision.minus), decision.claim
