"""MyST Markdown as the plain Markdown that Colab, JupyterLab and GitHub show.

A kernel uses it too, for the widgets of exercises: nothing here needs Jupyter Book but `gather`.
"""

from ncbook.press.lowering.lookup import Lookup, Plain
from ncbook.press.lowering.lowerer import Lowerer, MarkupError
from ncbook.press.lowering.references import Label, References, Work

__all__ = ["Label", "MarkupError", "References", "Work", "lower"]


def lower(text: str, references: References | None = None) -> str:
    """Turn directives, roles and labels into plain Markdown; everything else stays as it is.

    Args:
        text: MyST Markdown.
        references: what the book knows of labels, pages, works and numbers; without it a role
            becomes words that can be read, without numbers and links.

    Raises:
        MarkupError: at a directive or role that has no plain form, or that refers to nothing.
    """
    known: Lookup = references or Plain()
    return Lowerer(known).lower(text)
