"""Rewriting a text in place: each piece of MyST's own markup by its plain form."""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass

from markdown_it import MarkdownIt

from ncbook.errors import NcbookError
from ncbook.press.lowering.lookup import Lookup, UnknownError
from ncbook.press.lowering.parsing import (
    Comment,
    Directive,
    Display,
    Inline,
    Link,
    Piece,
    Role,
    Target,
    parse,
)

# As sphinx-proof has them; all are numbered.
STATEMENTS = (
    *("theorem", "lemma", "proposition", "corollary", "definition", "remark", "example"),
    *("conjecture", "assumption", "observation", "property", "criterion", "axiom", "notation"),
    "algorithm",
)
# As Sphinx has them, with their titles.
ADMONITIONS = {
    name: name.capitalize()
    for name in ("note", "tip", "hint", "warning", "caution", "important", "attention", "danger")
} | {"error": "Error", "seealso": "See also"}
_TITLED = re.compile(r"(.+?)\s*<([^<>]+)>", re.DOTALL)
_ABBREVIATION = re.compile(r"(.+?)\s*\((.+)\)", re.DOTALL)
_TEX_COMMENT = re.compile(r"(?<!\\)%.*")


class MarkupError(NcbookError):
    """Markup without a plain form.

    Attributes:
        line: of the text, from 1.
        what: what is wrong there.
    """

    def __init__(self, line: int, what: str) -> None:
        super().__init__(
            f"Line {line}: {what}",
            "Correct it, or give it a plain form in ncbook/press/lowering/",
        )
        self.line = line
        self.what = what


@dataclass(frozen=True)
class Lowerer:
    """Lowers one text, and what its directives hold.

    Attributes:
        known: answers what the text refers to.
        line: the line of the whole text that this one begins on.
        inside: whether this is what a directive holds.
    """

    known: Lookup
    line: int = 1
    inside: bool = False

    def lower(self, text: str) -> str:
        """The text with all its pieces in their plain form."""
        for piece in reversed(parse(text)):  # from the end, so that offsets stay true
            try:
                shown = self._shown(piece, text)
            except UnknownError as error:
                raise MarkupError(self.line + piece.line - 1, str(error)) from error
            text = text[: piece.start] + shown + text[piece.end :]
        return text

    def _shown(self, piece: Piece, text: str) -> str:
        match piece:
            case Role():
                return self._role(piece)
            case Link():
                return self.known.link(self.lower_part(piece.content, piece.line), piece.address)
            case Inline():
                return " ".join(piece.content.split("\n")) if self.inside else piece.content
            case Display():
                return self._display(piece.content, piece.label, piece, text)
            case Target():
                return f"{_anchor(piece.content)}\n"
            case Comment():
                return ""
            case Directive():
                return _indented(self._directive(piece), piece.prefix)
        raise UnknownError(f"{type(piece).__name__} can't be shown")
