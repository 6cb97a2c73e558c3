"""Numbers for the prose, taken from the run that made the figures."""

import html
from typing import Any

from ncbook.errors import NcbookError
from ncbook.press import artifacts
from ncbook.press.markup import Markup
from ncbook.press.numerals import typeset


def glue(name: str, value: Any, fmt: str = "") -> None:
    """Make ``value`` available to the prose of this notebook as ``{glue}`` with this ``name``.

    Executed for the book, the cell shows nothing and the prose shows the number. In a reader's
    hands, where no prose is rendered, it prints ``name = value``.

    Args:
        name: unique in the chapter.
        value: a number or text; a tensor or array of one element counts as its number.
        fmt: a format specification, for example ``.3f`` or ``.0%``.

    Raises:
        NcbookError: if the format doesn't fit the value, or the name is taken.
    """
    number = value.item() if hasattr(value, "item") else value
    formatted = _formatted(name, number, fmt)
    text = formatted if isinstance(number, str) else typeset(formatted)
    if artifacts.folder() is None:
        print(f"{name} = {text}")
        return
    artifacts.record("glue", name, {"value": number, "text": text})
    paste(name, text, html.escape(text))


def paste(name: str, text: str, markup: str) -> None:
    """Hand text, and the HTML that stands for it on a page, to the prose of this notebook."""
    from myst_nb import glue as myst_glue

    # MyST's glue:text role evaluates the words: unquoted it would turn 0.120 into 0.12.
    myst_glue(name, Markup(markup, repr(text)), display=False)


def _formatted(name: str, value: Any, fmt: str) -> str:
    try:
        return format(value, fmt)
    except (TypeError, ValueError) as error:
        raise NcbookError(
            f"glue({name!r}): {value!r} can't be written as {fmt!r} ({error})",
            "Choose a format that fits, such as '.3f' for a number",
        ) from error
