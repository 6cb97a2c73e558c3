"""Rewriting a text in place: each piece of MyST's own markup by its plain form."""

import re
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
        source = text[piece.start : piece.end]
        before = text[text.rfind("\n", 0, piece.start) + 1 : piece.start]
        match piece:
            case Role():
                return self._role(piece)
            case Link():
                return self.known.link(self._part(piece.content, piece.line), piece.address)
            case Inline():
                return piece.content.replace("\n", " ") if self.inside else piece.content
            case Display():
                shown = self._display(piece, source)
                return shown if shown == source else _continued(shown, before)
            case Target():
                return _anchor(piece.content)
            case Comment():
                return ""
            case Directive():
                return _continued(self._directive(piece), before)
        raise UnknownError(f"{piece.content} has no plain form")

    def _part(self, text: str, line: int) -> str:
        return Lowerer(self.known, self.line + line - 1, inside=True).lower(text)

    def _role(self, role: Role) -> str:
        match = _TITLED.fullmatch(role.content)
        words, name = match.groups() if match else ("", role.content)
        match role.name:
            case "term":
                return self.known.term(words or name, name)
            case "doc":
                return self.known.page(words, name)
            case "ref" | "prf:ref" | "numref":
                return self.known.label(words, name)
            case "eq":
                return f"({self.known.equation(name) or name})"
            case "cite:t" | "cite:p":
                keys = [key.strip() for key in role.content.split(",")]
                return self.known.works(keys, textual=role.name == "cite:t")
            case "glue" | "glue:text":
                return self.known.number(name)
            case "abbr":
                return role.content
        raise UnknownError(f"the role {{{role.name}}} has no plain form")

    def _display(self, formula: Display, source: str) -> str:
        content = formula.content
        if formula.label and (number := self.known.equation(formula.label)):
            content += rf" \tag{{{number}}}"
        if self.inside:
            # A quotation's marks would get into a formula of several lines.
            lines = (_TEX_COMMENT.sub("", line).strip() for line in content.split("\n"))
            return f"$$ {' '.join(lines)} $$"
        plain = source.startswith("$$") and not formula.label
        return source if plain else f"$$\n{content}\n$$"

    def _directive(self, block: Directive) -> str:
        kind = block.name.removeprefix("prf:")
        if block.name.startswith("prf:") and kind in STATEMENTS:
            return self._statement(block, kind.capitalize())
        if block.name == "prf:proof":
            return self._boxed(block, f"Proof{self._titled(block)}", f"{self._body(block)}\n\n∎")
        if block.name in ADMONITIONS:
            return self._admonition(block, block.argument or ADMONITIONS[block.name])
        match block.name:
            case "admonition":
                return self._admonition(block, block.argument)
            case "dropdown":
                return _folded(self._part(block.argument, block.line), self._body(block))
            case "exercise":
                return self._exercise(block)
            case "solution":
                to = self.known.heading("Exercise", block.argument)
                return self._boxed(block, f"Solution to {to}", self._body(block))
            case "math":
                label = block.options.get("label", "")
                where = block.start, block.end, block.line
                return self._display(Display(*where, block.content, label), "")
            case "table":
                return f"**{self._part(block.argument, block.line)}**\n\n{self._body(block)}"
        raise UnknownError(f"the directive {{{block.name}}} has no plain form")

    def _body(self, block: Directive) -> str:
        return self._part(block.content, block.body_line)

    def _titled(self, block: Directive) -> str:
        return f" ({self._part(block.argument, block.line)})" if block.argument else ""

    def _statement(self, block: Directive, kind: str) -> str:
        label = block.options.get("label", "")
        name = kind if "nonumber" in block.options else self.known.heading(kind, label)
        head = f"{_anchor(label)}**{name}{self._titled(block)}.**"
        return _quoted(f"{head}\n\n{self._body(block)}")

    def _exercise(self, block: Directive) -> str:
        """With a number of its own, or with one in its title."""
        label = block.options.get("label", "")
        if "nonumber" in block.options:
            head = f"Exercise {self._part(block.argument, block.line)}"
        else:
            head = self.known.heading("Exercise", label) + self._titled(block)
        return _quoted(f"{_anchor(label)}**{head}.**\n\n{self._body(block)}")

    def _admonition(self, block: Directive, title: str) -> str:
        head = self._part(title, block.line)
        if "dropdown" in block.options.get("class", ""):
            return _folded(head, self._body(block))
        return _quoted(f"**{head}**\n\n{self._body(block)}")

    def _boxed(self, block: Directive, head: str, body: str) -> str:
        if "dropdown" in block.options.get("class", ""):
            return _folded(head, body)
        return f"**{head}.**\n\n{body}"


def _anchor(name: str) -> str:
    # Colab goes by the name, the others by the id.
    return f'<a id="{name}" name="{name}"></a>' if name else ""


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))


def _folded(head: str, body: str) -> str:
    title = MarkdownIt("commonmark").renderInline(head)  # within HTML nobody reads Markdown
    return f"<details>\n<summary><b>{title}</b></summary>\n\n{body}\n\n</details>"


def _continued(text: str, before: str) -> str:
    """Text whose later lines stay in the list or quotation that its first one stands in."""
    mark = re.sub(r"[^>\s]", " ", before)
    first, *rest = text.split("\n")
    return "\n".join([first, *(f"{mark}{line}".rstrip() for line in rest)])
