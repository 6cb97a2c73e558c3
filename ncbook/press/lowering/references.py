"""What a book knows of itself: its labels, pages, glossary, works and numbers."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from ncbook.press.lowering.lookup import UnknownError

Entry = TypeVar("Entry")


@dataclass(frozen=True)
class Label:
    """Something that texts refer to.

    Attributes:
        text: what it is called, such as ``Theorem 14``.
        page: the page it is on, such as ``05-unconstrained-features``.
        anchor: where on the page.
    """

    text: str
    page: str
    anchor: str


@dataclass(frozen=True)
class Work:
    """An entry of the bibliography.

    Attributes:
        authors: as a sentence names them, such as ``Kini et al.``.
        year: of publication.
        address: where it can be read, or empty.
    """

    authors: str
    year: str
    address: str


@dataclass(frozen=True)
class References:
    """Answers from a book; see `lookup.Lookup`.

    Attributes:
        page_name: the page whose text is lowered.
        site: the address of the online book without a final slash, or None: then words stay words.
        labels: by name.
        titles: of the pages, by the pages' names; empty where a page is only made with the site.
        terms: the anchors of the glossary, by the terms in lower case.
        bibliography: by key.
        numbers: texts of the run's numbers and figures' names, by the names they were glued under.
    """

    page_name: str
    site: str | None
    labels: Mapping[str, Label] = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=dict)
    terms: Mapping[str, str] = field(default_factory=dict)
    bibliography: Mapping[str, Work] = field(default_factory=dict)
    numbers: Mapping[str, str] = field(default_factory=dict)

    def term(self, words: str, name: str) -> str:
        """The words; they lead to the glossary."""
        anchor = _known(self.terms, " ".join(name.lower().split()), "term of the glossary")
        return self._at(words, "glossary", anchor)

    def page(self, words: str, name: str) -> str:
        """The words or the title; they lead to the page."""
        title = _known(self.titles, name.split("/")[-1], "page")
        if not words and not title:
            raise UnknownError(f"{name!r} has no title yet: say one, as in `words <{name}>`")
        return self._at(words or title, name.split("/")[-1])

    def label(self, words: str, name: str) -> str:
        """The words or the name; they lead there."""
        label = _known(self.labels, name, "label")
        words = words.replace("%s", label.text.split()[-1])  # as numref has it
        if label.page == self.page_name:
            return f"[{words or label.text}](#{label.anchor})"
        if self.site is None and not words:
            return f"{label.text} in {self._called(label.page)}"
        return self._at(words or label.text, label.page, label.anchor)

    def equation(self, name: str) -> str:
        """The equation's number."""
        return _known(self.labels, name, "equation").text

    def heading(self, kind: str, name: str) -> str:
        """The number that the book gives it."""
        if not name:
            raise UnknownError(f"a {kind.lower()} without a :label:, so its number isn't known")
        return _known(self.labels, name, "label").text

    def works(self, keys: list[str], textual: bool) -> str:
        """Authors and years; each leads to the work."""
        shown = [self._work(_known(self.bibliography, key, "work"), textual) for key in keys]
        return ", ".join(shown) if textual else f"({'; '.join(shown)})"

    def number(self, name: str) -> str:
        """The number, or the name of a figure."""
        text = _known(self.numbers, name, "glued number")
        if name.startswith("fig-"):
            return self._at(text, self.page_name, name)
        return plain(text)

    def link(self, words: str, address: str) -> str:
        """The words; they lead to the page."""
        name, _, anchor = address.partition("#")
        page = re.sub(r"\.(?:ipynb|md)$", "", name.split("/")[-1])
        _known(self.titles, page, "page")
        return self._at(words, page, anchor)

    def _work(self, work: Work, textual: bool) -> str:
        words = f"{work.authors} ({work.year})" if textual else f"{work.authors}, {work.year}"
        if work.address:
            return f"[{words}]({work.address})"
        return self._at(words, "bibliography")

    def _called(self, page: str) -> str:
        digits = page.split("-")[0]
        return f"chapter {int(digits)}" if digits.isdecimal() else f"“{self.titles[page]}”"

    def _at(self, words: str, page: str, anchor: str = "") -> str:
        """Words that lead to a place of the online book, if there is one."""
        if self.site is None:
            return words
        return f"[{words}]({self.site}/book/{page}.html{'#' * bool(anchor)}{anchor})"


def plain(text: str) -> str:
    """Text that Markdown, a table or a formula's dollars would take for markup, made harmless."""
    return re.sub(r"[*_`<>$|\\]", lambda match: f"&#{ord(match[0])};", text)


def _known(entries: Mapping[str, Entry], name: str, what: str) -> Entry:
    if name not in entries:
        raise UnknownError(f"there is no {what} {name!r}")
    return entries[name]
