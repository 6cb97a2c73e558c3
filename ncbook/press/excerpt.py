"""A figure of a chapter shown on another page as well, such as the first one."""

import re

from ncbook.errors import NcbookError
from ncbook.press import notebooks
from ncbook.press.book import Book

_ASKED = re.compile(r"^% figure (\S+) (\S+)$", re.MULTILINE)


def with_figures(text: str, book: Book, profile: str) -> str:
    """A page's text with each line ``% figure CHAPTER NAME`` replaced by that figure.

    Args:
        text: of a page in MyST Markdown, where such a line is a comment.
        book, profile: from whose executed chapters it is taken.

    Raises:
        NcbookError: if a chapter has no such figure.
    """
    return _ASKED.sub(lambda asked: _figure(book, profile, *asked.groups()), text)


def _figure(book: Book, profile: str, chapter: str, name: str) -> str:
    cells = notebooks.load(book.copy(profile, chapter)).cells
    outputs = (output for cell in cells for output in cell.get("outputs", []))
    shown: list[str] = [output.get("data", {}).get("text/html", "") for output in outputs]
    found = next((text for text in shown if f'<figure id="fig-{name}"' in text), None)
    if found is None:
        raise NcbookError(
            f"A page asks for the figure {name!r} of {chapter}, and there is none",
            "Correct the name in its line `% figure …`",
        )
    # Its links to the code and to itself lead to its own chapter. The parts of its pictures, which
    # are named in the same way, have come along.
    return re.sub(r'(<a\b[^>]* href=")#', rf"\g<1>{chapter}.html#", found)
