"""What roles and directives ask for, and answers for where there is no book to ask."""

import re
from typing import Protocol

_KINDS = {
    "thm": "Theorem",
    "lem": "Lemma",
    "prop": "Proposition",
    "cor": "Corollary",
    "def": "Definition",
    "rem": "Remark",
    "ex": "Exercise",
    "fig": "Figure",
    "eq": "Equation",
}


class UnknownError(Exception):
    """Something that the text refers to, and that isn't there."""


class Lookup(Protocol):
    """What can be asked of a book. Every answer is Markdown, or raises `UnknownError`."""

    def term(self, words: str, name: str) -> str:
        """A word of the glossary."""

    def page(self, words: str, name: str) -> str:
        """A page of the book; without words its title."""

    def label(self, words: str, name: str) -> str:
        """A theorem, an exercise, a heading; without words its name."""

    def equation(self, name: str) -> str:
        """The number of an equation, or nothing."""

    def heading(self, kind: str, name: str) -> str:
        """What a numbered statement calls itself, such as ``Theorem 3``."""

    def works(self, keys: list[str], textual: bool) -> str:
        """Works by author and year, as part of the sentence or in brackets."""

    def number(self, name: str) -> str:
        """A number of the run, by the name it was glued under."""

    def link(self, words: str, address: str) -> str:
        """Words that lead to a page, by its name or file, and perhaps to a place on it."""


class Plain:
    """Answers as words: for a widget in a kernel, which knows nothing of the book around it."""

    def term(self, words: str, name: str) -> str:
        """The words."""
        return words

    def page(self, words: str, name: str) -> str:
        """The words, or the name."""
        return words or name

    def label(self, words: str, name: str) -> str:
        """The words, or what the name says by itself."""
        kind, _, rest = name.partition("-")
        shown = re.sub(r"^\d+-", "", rest).replace("-", " ")
        words = words.replace("%s", shown)  # as numref has it
        return words or (f"{_KINDS[kind]} “{shown}”" if kind in _KINDS else name.replace("-", " "))

    def equation(self, name: str) -> str:
        """Nothing."""
        return ""

    def heading(self, kind: str, name: str) -> str:
        """The kind alone."""
        return kind

    def works(self, keys: list[str], textual: bool) -> str:
        """Author and year, as the keys have them."""
        shown = [_work(key, textual) for key in keys]
        return ", ".join(shown) if textual else f"({'; '.join(shown)})"

    def number(self, name: str) -> str:
        """The name under which a kernel prints the number."""
        return f"`{name}`"

    def link(self, words: str, address: str) -> str:
        """The words."""
        return words


def _work(key: str, textual: bool) -> str:
    """``kini2024symmetric`` as ``Kini (2024)``: a key says the first author and the year."""
    match = re.match(r"([a-z]+)(\d{4})", key)
    if not match:
        return key
    author, year = match[1].capitalize(), match[2]
    return f"{author} ({year})" if textual else f"{author}, {year}"
