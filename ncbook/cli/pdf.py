"""``ncbook pdf``: chapters on paper."""

from typing import TYPE_CHECKING, cast

from ncbook.cli.chapters import Chapters
from ncbook.cli.checkout import find_checkout
from ncbook.cli.console import console
from ncbook.cli.options import Edition

if TYPE_CHECKING:
    from ncbook.press.book import Edition as EditionName


def pdf(chapters: Chapters = None, edition: Edition = "instructor") -> None:
    """Print chapters of the built site to PDF files, with a headless Chromium."""
    from ncbook.press.book import Book
    from ncbook.press.pdf import print_chapters

    book = Book(find_checkout(), cast("EditionName", edition))
    for path in print_chapters(book, chapters or None):
        console().print(str(path), markup=False, soft_wrap=True)
