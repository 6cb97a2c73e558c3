"""The pages that are made from the run: claims, figures, run times."""

import re
from collections import Counter
from collections.abc import Mapping
from html import escape
from pathlib import Path

from pybtex.database import parse_file  # type: ignore[import-untyped]

from ncbook.errors import NcbookError
from ncbook.press import artifacts, notebooks
from ncbook.press.book import Book
from ncbook.press.claimfile import OWN, VERDICTS, Claim, ClaimFile
from ncbook.press.claims import SHOWN, Ledger, collect, measured, verdict_markup
from ncbook.press.costpage import Costs, cost_page, read_costs
from ncbook.press.figures import SITE_FOLDER, number
from ncbook.press.paperscale import Scale, claim_cells, paperscale_page, read_scale
from ncbook.press.progress import megabytes, seconds
from ncbook.press.stamps import Stamp
from ncbook.press.tables import table


def write_pages(
    book: Book, profile: str, claims: ClaimFile, stamps: Mapping[str, Stamp]
) -> dict[str, str]:
    """The text of each generated page, by its path below the book's root."""
    titles = {chapter: title(book, chapter) for chapter in stamps}
    ledger, scale = collect(book.executed(profile)), read_scale(book.reference)
    cells = claim_cells(claims, scale)
    return {
        "book/claims.md": claims_page(claims, ledger, _works(book, claims), cells),
        "book/paper-scale.md": paperscale_page(scale, claims.papers),
        "book/cost.md": cost_page(_costs(scale, book.reference)),
        "book/figures.md": figures_page(book, profile, titles),
        "book/runtimes.md": runtimes_page(profile, stamps, titles),
    }


def _costs(scale: Scale, folder: Path) -> Costs:
    """What the matrix costs, with the time that finished rows took."""
    return read_costs(scale.matrix, {name: r.facts for name, r in scale.references.items()}, folder)


def title(book: Book, chapter: str) -> str:
    """The first heading of a chapter, or its name if it has none."""
    cells = notebooks.load_source(book.notebook(chapter)).cells
    lines = [line for c in cells if c.cell_type == "markdown" for line in c.source.splitlines()]
    return next((line[2:].strip() for line in lines if line.startswith("# ")), chapter)


def claims_page(
    claims: ClaimFile, ledger: Ledger, works: Mapping[str, str], cells: Mapping[str, str]
) -> str:
    """The ledger: every claim with what was measured, by paper.

    Args:
        claims: what is claimed.
        ledger: what was measured.
        works: title of each paper by its bibliography key.
        cells: what runs at the papers' own size say, by claim.
    """
    subjects = claims.claims.values()
    parts = [
        "# Claims",
        "What the papers claim, and what the runs behind this book measured. Each verdict is the "
        "work of a cell in the chapter named beside it. It compares a mean over seeds, and the "
        "mean's 95 % *t* interval, with a criterion that `book/claims.yml` states for the "
        "profile. A claim **holds** if the whole interval meets the criterion and **holds in "
        "part** if the mean alone does, or if it meets a weaker criterion stated there. *Does "
        "not hold here* speaks of this book's experiment, at its scale. The fourth column is for "
        "the papers' own: networks and data of their size, each a row of the matrix on the page "
        "{doc}`paper-scale`. There a dash means that no row decides the claim.",
        _count(ledger, len(claims.claims)),
    ]
    headings = {
        paper: f"## {works[key]}\n\n{{cite:t}}`{key}`, [arXiv {paper}](https://arxiv.org/abs/{paper})"
        for paper, key in claims.papers.items()
    }
    headings[OWN] = "## This book\n\nStatements of our own, tested like the others."
    for paper, heading in headings.items():
        rows = [_claim_row(s, ledger, cells.get(s.id, "–")) for s in subjects if s.paper == paper]
        if rows:
            heads = ("Claim", "Measured", "Verdict", "Paper scale", "Where")
            parts += [heading, table(heads, rows)]
    return "\n\n".join(parts) + "\n"


def _works(book: Book, claims: ClaimFile) -> dict[str, str]:
    """Title of each paper in the claims file, by its key."""
    path = book.source / "references.bib"
    entries = parse_file(path, bib_format="bibtex").entries
    missing = [key for key in claims.papers.values() if key not in entries]
    if missing:
        raise NcbookError(f"{path} has no {missing[0]!r}", "Add it, or correct it in claims.yml")
    return {key: _plain(entries[key].fields["title"]) for key in claims.papers.values()}


def _plain(title: str) -> str:
    return re.sub(r"[{}\\]", "", title)


def _count(ledger: Ledger, total: int) -> str:
    found = Counter(record.verdict for record in ledger.values())
    parts = [f"{found[verdict]} {SHOWN[verdict]}" for verdict in VERDICTS if found[verdict]]
    parts += [f"{total - len(ledger)} not yet tested"] if total > len(ledger) else []
    return f"Claims so far: {total}. Verdicts: {', '.join(parts) or 'none'}."


def _claim_row(subject: Claim, ledger: Ledger, at_paper_scale: str) -> list[str]:
    statement = f"{escape(subject.statement)}<br><small>{escape(subject.tested)}</small>"
    record = ledger.get(subject.id)
    chapter = _short(subject.chapter)
    if record is None:
        return [statement, "–", "not yet tested", at_paper_scale, chapter]
    note = subject.rule(record.profile).reason or (record.fallback and f"on {record.fallback}")
    facts = ", ".join(filter(None, (record.profile, record.device, note)))
    return [
        statement,
        f"{escape(subject.measure)}: {escape(measured(subject, record))}"
        f"<br><small>{escape(facts)}</small>",
        verdict_markup(record.verdict),
        at_paper_scale,
        f'<a href="{subject.chapter}.html#claim-{subject.id}">{chapter}</a>',
    ]


def _short(chapter: str) -> str:
    """``Chapter 6`` for a chapter whose name begins with 06."""
    digits = chapter.split("-")[0]
    return f"Chapter&nbsp;{int(digits)}" if digits.isdecimal() else chapter


def figures_page(book: Book, profile: str, titles: Mapping[str, str]) -> str:
    """Every figure with its picture, caption, description and data."""
    parts = ["# Figures", "Every figure of the book, with its description in words and its data."]
    for chapter, heading in titles.items():
        figures = artifacts.read(book.artifacts(profile, chapter), "figures")
        items = [
            _figure_item(chapter, place, name, facts)
            for place, (name, facts) in enumerate(figures.items(), start=1)
        ]
        if items:
            parts += [f"## {heading}", f'<div class="ncbook-gallery">{"".join(items)}</div>']
    return "\n\n".join(parts) + "\n"


def _figure_item(chapter: str, place: int, name: str, facts: Mapping[str, str]) -> str:
    folder, alt = f"../{SITE_FOLDER}/{chapter}", escape(facts["alt"])
    return (
        f'<div class="ncbook-item"><a href="{chapter}.html#fig-{name}">'
        f'<img src="{folder}/{name}.svg" alt="{alt}" loading="lazy"></a>'
        f"<div><p><strong>{number(chapter, place)}.</strong> {escape(facts['caption'])}</p>"
        f'<p><small>In words: {alt}</small></p><p><a href="{folder}/{facts["data"]}" download>'
        f"Data ({facts['data']})</a></p></div></div>"
    )


def runtimes_page(profile: str, stamps: Mapping[str, Stamp], titles: Mapping[str, str]) -> str:
    """What each chapter took, on what, and when."""
    total = seconds(sum(stamp.seconds for stamp in stamps.values()))
    heads = ("Chapter", "Time", "Peak memory", "Runs trained, loaded", "Device", "Data", "Executed")
    rows = [_runtime_row(chapter, stamp, titles[chapter]) for chapter, stamp in stamps.items()]
    kinds = {", ".join(f"{name} {v}" for name, v in s.versions.items()) for s in stamps.values()}
    parts = [
        "# Run times",
        f"This copy of the book was executed in the `{profile}` profile; its chapters took "
        f"{total} together. A run that another chapter or an earlier execution had trained is "
        "loaded, which takes no time to speak of; the fourth column says how many were. Memory is "
        "the most that a chapter's kernel and its child processes held at once.",
        table(heads, rows),
        "Executed with " + "; ".join(sorted(kinds)) + ".",
    ]
    return "\n\n".join(parts) + "\n"


def _runtime_row(chapter: str, stamp: Stamp, heading: str) -> list[str]:
    sources = "; ".join(dict.fromkeys(f"{d['name']} from {d['source']}" for d in stamp.data))
    return [
        f'<a href="{chapter}.html">{escape(heading)}</a>',
        seconds(stamp.seconds),
        megabytes(stamp.peak_memory),
        f"{stamp.trained}, {stamp.loaded}",
        escape(stamp.device),
        escape(sources or "none"),
        f'<time datetime="{stamp.date}">{stamp.date[:16].replace("T", " ")} UTC</time>',
    ]
