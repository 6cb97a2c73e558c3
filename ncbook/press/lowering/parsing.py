"""Finding MyST's own markup in a text, and where in the text it stands.

The text is read by the parser that MyST uses, so what is quoted as code stays code.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline import link as link_rule
from markdown_it.token import Token
from mdit_py_plugins.amsmath import amsmath_plugin
from mdit_py_plugins.colon_fence import colon_fence_plugin
from mdit_py_plugins.deflist import deflist_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.dollarmath.index import math_inline_dollar
from mdit_py_plugins.myst_blocks import myst_block_plugin
from mdit_py_plugins.myst_role import myst_role_plugin
from mdit_py_plugins.myst_role.index import myst_role

_DIRECTIVE = re.compile(r"\{([\w:+-]+)\}\s*(.*)", re.DOTALL)
_OPTION = re.compile(r":([\w-]+):\s*(.*)")
_OUTSIDE = re.compile(r"\w+:|#|//")  # the beginning of addresses that are no file of the book
Rule = Callable[[StateInline, bool], bool]


@dataclass(frozen=True)
class Piece:
    """A stretch of the text that has a meaning of its own.

    Attributes:
        start, end: where it stands, as offsets.
        line: the line it begins on, from 1.
        content: what it holds.
    """

    start: int
    end: int
    line: int
    content: str


@dataclass(frozen=True)
class Role(Piece):
    """``{name}`content```."""

    name: str


@dataclass(frozen=True)
class Link(Piece):
    """``[content](address)`` where the address is a file of the book."""

    address: str


@dataclass(frozen=True)
class Inline(Piece):
    """A formula within a line, dollars included."""


@dataclass(frozen=True)
class Display(Piece):
    """A formula on lines of its own, without its dollars.

    Attributes:
        label: by which the text refers to it, or empty.
    """

    label: str


@dataclass(frozen=True)
class Target(Piece):
    """``(content)=``: what follows can be referred to by that name."""


@dataclass(frozen=True)
class Comment(Piece):
    """What readers don't see: ``% …``, or ``+++`` between cells."""


@dataclass(frozen=True)
class Directive(Piece):
    """A fenced block with a name; its content comes without its options.

    Attributes:
        name, argument: ``{name} argument`` of its first line.
        options: the ``:key: value`` lines below it.
        body_line: the line that its content begins on.
    """

    name: str
    argument: str
    options: dict[str, str]
    body_line: int


@dataclass(frozen=True)
class Unsupported(Piece):
    """Something of MyST's that the book doesn't use; its content names it."""


def parse(text: str) -> list[Piece]:
    """The pieces of a text in their order. What a directive holds is not looked into."""
    return list(_Reading(text).pieces())


def directives(text: str) -> Iterator[Directive]:
    """All directives of a text, those within others after the ones that hold them."""
    for piece in parse(text):
        if isinstance(piece, Directive):
            yield piece
            yield from directives(piece.content)


def _tracked(rule: Rule) -> Rule:
    """The rule, leaving in its last token where in the paragraph it began and ended."""

    def tracked(state: StateInline, silent: bool) -> bool:
        start = state.pos
        middle = (
            state.md.helpers.parseLinkLabel(state, start, True)
            if state.src[start] == "["
            else start
        )
        found = rule(state, silent)
        if found and not silent:
            state.tokens[-1].meta["place"] = (start, middle, state.pos)
        return found

    return tracked


def _parser() -> MarkdownIt:
    """MyST's parser as `_config.yml` sets it up, but for tables: they stay lines to be edited."""
    md = MarkdownIt("commonmark")
    for plugin in (myst_block_plugin, myst_role_plugin, amsmath_plugin, deflist_plugin):
        md.use(plugin)
    md.use(dollarmath_plugin)
    md.use(colon_fence_plugin)
    md.inline.ruler.at("myst_role", _tracked(myst_role))
    md.inline.ruler.at("math_inline", _tracked(math_inline_dollar()))
    md.inline.ruler.at("link", _tracked(link_rule))
    return md


_PARSER = _parser()


class _Reading:
    """One text on its way through the parser."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.lines = text.split("\n")
        self.starts = [0, *accumulate(len(line) + 1 for line in self.lines)]

    def pieces(self) -> Iterator[Piece]:
        for token in _PARSER.parse(self.text):
            if token.type == "inline":
                yield from self._inline(token)
            elif token.map is not None:
                piece = self._block(token)
                if piece:
                    yield piece

    def _block(self, token: Token) -> Piece | None:
        match token.type:
            case "fence" | "colon_fence":
                return self._fence(token)
            case "math_block":
                return Display(*self._where(token, "$$"), token.content.strip(), "")
            case "math_block_label":
                return Display(*self._where(token, "$$"), token.content.strip(), token.info)
            case "amsmath":
                # Its last line is missing from the parser's count.
                token.map = [_first(token), _first(token) + 1 + token.content.strip().count("\n")]
                return Display(*self._where(token, r"\begin"), token.content.strip(), "")
            case "myst_target":
                return Target(*self._where(token, "("), token.content)
            case "myst_line_comment" | "myst_block_break":
                return Comment(*self._where(token, token.markup[0]), token.content)
            case "dl_open":
                return Unsupported(*self._where(token, ""), "a definition list")
        return None

    def _fence(self, token: Token) -> Directive | None:
        match = _DIRECTIVE.match(token.info.strip())
        if not match and token.type == "fence":
            return None
        name, argument = match.groups() if match else (token.info.strip(), "")
        options, body, skipped = _options(token.content)
        start, end, line = self._where(token, token.markup)
        return Directive(
            start, end, line, body, name, argument.strip(), options, line + 1 + skipped
        )

    def _where(self, token: Token, mark: str) -> tuple[int, int, int]:
        """Where a block begins, by its first mark, where it ends, and on which line it begins."""
        first, last = _first(token), (token.map or [0, 1])[1] - 1
        while last > first and not self.lines[last].strip():
            last -= 1
        start = self.starts[first] + self.lines[first].index(mark)
        return start, self.starts[last + 1] - 1, first + 1

    def _inline(self, token: Token) -> Iterator[Piece]:
        columns = self._columns(token)
        linked: str | None = None  # the file of the book that the words at hand link to
        for child in token.children or []:
            if child.type == "link_open":
                address = str(child.attrs["href"])
                linked = None if _OUTSIDE.match(address) else address
            elif child.type == "link_close" and linked is not None:
                start, middle, end = self._span(child, columns)
                yield Link(start, end, self._line(start), self.text[start + 1 : middle], linked)
                linked = None
            elif linked is None:
                yield from self._within(child, columns)

    def _within(self, token: Token, columns: list[tuple[int, int]]) -> Iterator[Piece]:
        if token.type in ("myst_role", "math_inline"):
            start, _, end = self._span(token, columns)
            where = start, end, self._line(start)
            if token.type == "myst_role":
                yield Role(*where, token.content, token.meta["name"])
            else:
                yield Inline(*where, self.text[start:end])

    def _span(self, token: Token, columns: list[tuple[int, int]]) -> list[int]:
        """Beginning, middle and end of a token, as offsets in the text."""
        return [self._offset(columns, place) for place in token.meta["place"]]

    def _line(self, offset: int) -> int:
        return bisect_right(self.starts, offset)

    def _columns(self, token: Token) -> list[tuple[int, int]]:
        """For each line of a paragraph: its offset in the paragraph, and in the text."""
        columns, at = [], 0
        for number, line in enumerate(token.content.split("\n"), start=_first(token)):
            # A paragraph's lines are without the marks before them, and so ends of the text's.
            columns.append((at, self.starts[number] + self.lines[number].rindex(line.rstrip())))
            at += len(line) + 1
        return columns

    @staticmethod
    def _offset(columns: list[tuple[int, int]], place: int) -> int:
        at, offset = next(pair for pair in reversed(columns) if pair[0] <= place)
        return offset + place - at


def _first(token: Token) -> int:
    return (token.map or [0])[0]


def _options(content: str) -> tuple[dict[str, str], str, int]:
    """The options at the head of a directive's content, what remains, and how many lines went."""
    lines = content.split("\n")
    options: dict[str, str] = {}
    while lines and (match := _OPTION.fullmatch(lines[0].strip())):
        options[match[1]] = match[2].strip()
        lines.pop(0)
    skipped = len(options)
    while lines and not lines[0].strip():
        lines.pop(0)
        skipped += 1
    return options, "\n".join(lines).rstrip(), skipped
