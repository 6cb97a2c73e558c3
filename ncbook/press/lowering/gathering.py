"""Gathering what a book knows of itself from its sources, in the order in which it is numbered."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from itertools import count
from pathlib import Path
from urllib.parse import quote

from pybtex.database import Entry, Person, parse_file  # type: ignore[import-untyped]
from pybtex.richtext import Text  # type: ignore[import-untyped]

from ncbook.press import artifacts, notebooks
from ncbook.press.book import Book
from ncbook.press.exercises import find
from ncbook.press.figures import number
from ncbook.press.lowering.lowerer import STATEMENTS
from ncbook.press.lowering.parsing import Directive, Display, Piece, Target, directives, parse
from ncbook.press.lowering.references import Label, References, Work

_CALL = re.compile(r'^exercise\("([\d.]+)"\)', re.MULTILINE)
_HEADING = re.compile(r"#+ (.+)")


class Gathering:
    """All that the pages of a book can refer to.

    Args:
        book: its sources are read when first asked for.
        profile: whose executed chapters the numbers come from.
    """

    def __init__(self, book: Book, profile: str) -> None:
        self._book, self._profile = book, profile

    def references(self, chapter: str) -> References:
        """What the text of a chapter can refer to."""
        folder = self._book.artifacts(self._profile, chapter)
        glued = {name: str(value["text"]) for name, value in artifacts.read(folder, "glue").items()}
        figures = artifacts.read(folder, "figures")
        names = {f"fig-{name}": number(chapter, n) for n, name in enumerate(figures, start=1)}
        return replace(self._common, page_name=chapter, numbers=glued | names)

    @cached_property
    def _common(self) -> References:
        bibliography = parse_file(self._book.source / "references.bib", bib_format="bibtex")
        return References(
            page_name="",
            site=self._book.site,
            labels=self._labels,
            titles={page: self._title(page) for page in self._pages},
            terms=self._terms,
            bibliography={key: _work(entry) for key, entry in bibliography.entries.items()},
        )

    @cached_property
    def _pages(self) -> dict[str, list[str]]:
        """The Markdown texts of each page, by its name; none for a page that is yet to be made."""
        return {Path(page).name: list(self._texts(Path(page).name)) for page in self._book.pages}

    def _texts(self, page: str) -> Iterator[str]:
        written = self._book.source / f"{page}.md"
        if written.is_file():
            yield written.read_text(encoding="utf-8")
        elif self._book.notebook(page).is_file():
            for cell in notebooks.load_source(self._book.notebook(page)).cells:
                yield cell.source if cell.cell_type == "markdown" else _called(cell.source)

    def _title(self, page: str) -> str:
        headings = (m for text in self._pages[page] for m in map(_HEADING.match, text.split("\n")))
        return next((match[1].strip() for match in headings if match), "")

    @cached_property
    def _labels(self) -> dict[str, Label]:
        labels: dict[str, Label] = {}
        counts: Counter[str] = Counter()
        for page, texts in self._pages.items():
            for text in texts:
                for name, called in _named(text, counts):
                    labels[name] = Label(called, page, name)
        labels.pop("", None)  # what nobody can refer to is counted all the same
        return labels

    @cached_property
    def _terms(self) -> dict[str, str]:
        found = directives("\n".join(self._pages.get("glossary", [])))
        lists = [block.content for block in found if block.name == "glossary"]
        terms = [line.strip() for text in lists for line in text.split("\n") if line[:1].strip()]
        taken: dict[str, str] = {}
        for term in terms:
            taken[" ".join(term.lower().split())] = _term_anchor(term, set(taken.values()))
        return taken


def _called(code: str) -> str:
    """For a cell that shows an exercise, a text that is labelled like it."""
    match = _CALL.search(code)
    return f"({find(match[1]).label})=\n# Exercise {match[1]}" if match else ""


def _named(text: str, counts: Counter[str]) -> Iterator[tuple[str, str]]:
    """Every label of a text and what it is called, counting statements and equations on."""
    for piece in _all_pieces(text):
        if isinstance(piece, Directive):
            kind, label = piece.name.removeprefix("prf:"), piece.options.get("label", "")
            if kind == "math" and label:
                yield label, _count(counts, "equation")
            elif kind == "exercise" or (piece.name.startswith("prf:") and kind in STATEMENTS):
                title = f"Exercise {piece.argument.split(' ')[0]}"
                numbered = "nonumber" not in piece.options
                shown = f"{kind.capitalize()} {_count(counts, kind)}" if numbered else title
                yield label, shown
        elif isinstance(piece, Display) and piece.label:
            yield piece.label, _count(counts, "equation")
        elif isinstance(piece, Target):
            rest = text[piece.end :].lstrip().split("\n")[0]
            heading = _HEADING.match(rest)
            yield piece.content, heading[1].strip() if heading else piece.content


def _all_pieces(text: str) -> Iterator[Piece]:
    for piece in parse(text):
        yield piece
        if isinstance(piece, Directive):
            yield from _all_pieces(piece.content)


def _count(counts: Counter[str], kind: str) -> str:
    # Sphinx counts through the whole book, for its table of contents numbers no sections.
    counts[kind] += 1
    return str(counts[kind])


def _term_anchor(term: str, taken: set[str]) -> str:
    """The anchor that Sphinx gives a term: its letters and digits, else a number."""
    decomposed = unicodedata.normalize("NFKD", term).encode("ascii", "ignore").decode()
    words = re.sub(r"[^A-Za-z0-9._]+", "-", " ".join(decomposed.split()))
    anchor = f"term-{words.strip('-')}"
    if words.strip("-") and anchor not in taken:
        return anchor
    return next(free for n in count() if (free := f"term-{n}") not in taken)


def _work(entry: Entry) -> Work:
    names = [_surname(person) for person in entry.persons["author"]]
    authors = f"{names[0]} et al." if len(names) > 2 else " and ".join(names)
    return Work(authors, entry.fields["year"], _address(entry))


def _surname(person: Person) -> str:
    parts = [*person.prelast_names, *person.last_names]
    return str(Text.from_latex(" ".join(parts)))


def _address(entry: Entry) -> str:
    fields = entry.fields
    if "doi" in fields:
        return f"https://doi.org/{quote(fields['doi'])}"
    if "eprint" in fields:
        return f"https://arxiv.org/abs/{fields['eprint']}"
    return str(fields.get("url", ""))
