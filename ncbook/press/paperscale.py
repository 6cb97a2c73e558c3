"""The experiments at the papers' own size: a page on what was run, and their say in each claim."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np

from ncbook.lab.reproduce.decisions import (
    Decision,
    Measured,
    References,
    condition,
    current,
    load_decisions,
    measure,
)
from ncbook.lab.reproduce.matrix import Block, Matrix, Row, load_matrix
from ncbook.lab.reproduce.reference import Reference, read_all
from ncbook.press.claimfile import Claim, ClaimFile
from ncbook.press.claims import Record, decide, measured, verdict_markup
from ncbook.press.intervals import t_interval
from ncbook.press.numerals import typeset
from ncbook.press.progress import seconds
from ncbook.press.tables import table

PROFILE = "paper"
SHOWN = {  # numbers of a row's table, and their heads
    "test_accuracy": "Test accuracy",
    "nc1": "NC1",
    "etf_distance": "Δ_ETF",
    "of_distance": "Δ_OF",
    "self_duality": "NC3",
}
COMPARED = {
    "r2_training": "R², training images",
    "r2_held_out": "R², test images",
    "gap_raw": "gap behind direction",
    "gap_scores": "the same, normal scores",
    "mean_beta_raw": "mean critical β",
    "mean_beta_scores": "the same, normal scores",
    "etf_raw": "Δ_ETF in T",
    "etf_scores": "the same, normal scores",
    "linear_features": "linear classifier on all features",
    "linear_raw": "on T",
}


@dataclass(frozen=True)
class Scale:
    """The matrix, and what is known of it.

    Attributes:
        matrix: of the paper profile.
        references: results by name, those that are of the matrix as it is.
        stale: how many results are of other settings or an older training code.
    """

    matrix: Matrix
    references: References
    stale: int


def read_scale(folder: Path) -> Scale:
    """What the reference results in a folder say; nothing if it isn't there.

    Raises:
        NcbookError: if one of them can't be read.
    """
    matrix, everything = load_matrix(PROFILE), read_all(folder)
    references = current(everything, matrix)
    return Scale(matrix, references, len(everything) - len(references))


def claim_cells(claims: ClaimFile, scale: Scale) -> dict[str, str]:
    """What the runs at paper scale say of each claim that they can decide, as HTML, by its id."""
    decisions = load_decisions()
    known = ((claims.claims[name], d) for name, d in decisions.items() if name in claims.claims)
    return {subject.id: _cell(subject, decision, scale) for subject, decision in known}


def _cell(subject: Claim, decision: Decision, scale: Scale) -> str:
    found = measure(decision, scale.matrix, scale.references)
    whose = f"<br><small>{escape(_whose(decision))}</small>"
    if found.waiting:
        kind = "comparison" if decision.pairs else "run"
        return f"waits for {_of(len(found.waiting), len(found.names), kind)}{whose}"
    if not found.values:
        return f"undecided: {escape(found.note)}{whose}"
    record = _record(subject, found, scale.references)
    facts = ", ".join(filter(None, (record.device, found.note)))
    return (
        f"{verdict_markup(record.verdict)}<br>{escape(measured(subject, record))}{whose}"
        f"<br><small>{escape(facts)}</small>"
    )


def _of(waiting: int, total: int, kind: str) -> str:
    if waiting < total:
        return f"{waiting} of {total} {kind}s"
    return f"{total} {kind}" + ("s" if total > 1 else "")


def _whose(decision: Decision) -> str:
    """Which rows, such as ``max over terminal-*-cifar10``."""
    names = ", ".join(decision.rows or decision.pairs)
    less = f" against {', '.join(decision.minus)}" if decision.rows and decision.minus else ""
    return f"{decision.over} over {names}{less}" if decision.over else f"{names}{less}"


def _record(subject: Claim, found: Measured, references: References) -> Record:
    low, mean, high = map(float, t_interval(found.values))
    devices = Counter(str(references[name].facts["device"]) for name in found.names)
    return Record(
        id=subject.id,
        chapter=subject.chapter,
        values=list(found.values),
        mean=mean,
        low=low,
        high=high,
        verdict=decide(subject.rule(PROFILE), low, mean, high),
        profile=PROFILE,
        device=", ".join(devices),
        sources=[],
        fallback=None,
    )


def paperscale_page(scale: Scale, papers: Mapping[str, str]) -> str:
    """The page: block by block what the papers give, what we do, and how far the rows are.

    Args:
        scale: what is known.
        papers: bibliography key of each paper by arXiv id.
    """
    rows, done = scale.matrix.rows, scale.references
    finished = sum(row.name in done for row in rows)
    parts = [
        "# Paper scale",
        "The chapters train small networks on small data, so that you can repeat every run. The "
        "papers trained large ones on all the images there are. What changes with size? "
        f"This page lists their experiments at their own size: {len(rows)} training runs and "
        f"{len(scale.matrix.pairs)} comparisons of two networks, each a row that one command "
        f"trains. {_how_far(finished, len(rows))}",
        "A finished run leaves two small files in the folder `reference/` of the repository: one "
        "with its configuration, seed, device, versions, the hash of its data, its curves and its "
        "final numbers, and one with the statistics behind them: class means, variances, the "
        "classifier's weights, counts of decisions. From these a test of the book computes every "
        "final number again. So no number below has to be believed; those that aren't there yet "
        "weren't estimated either.",
        *([_stale(scale.stale)] if scale.stale else []),
        "How to train rows that wait, on one device or on many, is told in {doc}`reproducing`.",
    ]
    for block in scale.matrix.blocks:
        parts += _block(block, done, papers.get(block.paper))
    return "\n\n".join(parts) + "\n"


def _how_far(finished: int, total: int) -> str:
    if not finished:
        return (
            "None has been trained yet: they wait for an accelerator, and until then the book "
            "claims nothing at this size."
        )
    if finished < total:
        return f"{finished} have been trained; {total - finished} wait."
    return "All have been trained."


def _stale(count: int) -> str:
    results = "One result there is" if count == 1 else f"{count} results there are"
    return f"{results} of other settings than the matrix has today, and isn't counted."


def _block(block: Block, references: References, key: str | None) -> Iterator[str]:
    citation = f"{{cite:t}}`{key}`, " if key else ""
    yield f"(paper-scale-{block.name})=\n## {block.title}"
    yield f"{citation}[arXiv {block.paper}](https://arxiv.org/abs/{block.paper})."
    yield "What our sources say of the paper's protocol, and what the rows follow:"
    yield _list(block.settings)
    yield "Where the rows differ from it, or had to choose:"
    yield _list(block.deviations)
    if block.without:
        yield "Left out:"
        yield _list(block.without)
    yield "Runs that are done, of those that are declared:"
    yield _counts(block, references)
    yield from _results(block, references)


def _list(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _axes(row: Row) -> tuple[str, str, str]:
    """Network, data, and what the third axis calls it, if there is one beside the seed."""
    values = dict(row.values)
    if "frame" in values:  # ten orders and rotations of one frame: two columns are enough
        return values["arch"], values["data"], values["frame"].rstrip("0123456789")
    return values["arch"], values["data"], values.get("classes", "runs")


def _counts(block: Block, references: References) -> str:
    """Done and declared runs, a line for each network and data set."""
    declared = Counter(_axes(row) for row in block.rows)
    done = Counter(_axes(row) for row in block.rows if row.name in references)
    thirds = list(dict.fromkeys(third for _, _, third in declared))
    lines = []
    for arch, data in dict.fromkeys((arch, data) for arch, data, _ in declared):
        keys = [(arch, data, third) for third in thirds]
        cells = [f"{done[key]} of {declared[key]}" if key in declared else "–" for key in keys]
        lines.append([escape(arch), escape(data), *cells])
    return table(("Network", "Data", *thirds), lines)


def _results(block: Block, references: References) -> Iterator[str]:
    """What the finished runs and comparisons say; nothing as long as there is none."""
    found: dict[str, list[Reference]] = {}
    for row in block.rows:
        if row.name in references:
            found.setdefault(condition(row), []).append(references[row.name])
    if found:
        heads = ("Condition", "Seeds", *SHOWN.values(), "Training time", "Made on")
        lines = [_result(name, results) for name, results in found.items()]
        yield "Means over the seeds that are done, with 95 % *t* intervals:"
        yield _folded(f"{len(found)} conditions", table(heads, lines))
    compared = [references[pair.name] for pair in block.pairs if pair.name in references]
    if compared:
        yield "Between the two networks:"
        cells = [[r.name, *(_number([r.metrics[name]]) for name in COMPARED)] for r in compared]
        yield table(("Comparison", *COMPARED.values()), cells)


def _folded(summary: str, content: str) -> str:
    return f"<details><summary>{summary}</summary>{content}</details>"


def _result(name: str, results: Sequence[Reference]) -> list[str]:
    metrics = [result.metrics for result in results]
    numbers = [_number([m[key] for m in metrics]) if key in metrics[0] else "–" for key in SHOWN]
    spent = seconds(sum(result.facts["seconds"] for result in results))
    facts = dict.fromkeys(_made(result) for result in results)
    return [escape(name), str(len(results)), *numbers, spent, escape("; ".join(facts))]


def _made(result: Reference) -> str:
    versions = result.facts["versions"]
    return f"{result.facts['device']}, " + ", ".join(f"{p} {v}" for p, v in versions.items())


def _number(values: Sequence[float]) -> str:
    low, mean, high = (typeset(f"{value:.3g}") for value in t_interval(np.array(values)))
    return mean if len(values) == 1 else f"{mean} ({low} to {high})"
