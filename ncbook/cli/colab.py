"""``ncbook colab``: the chapters as notebooks for Colab and Jupyter."""

from ncbook.cli.chapters import Chapters
from ncbook.cli.checkout import find_checkout
from ncbook.cli.console import console
from ncbook.cli.options import Profile


def colab(chapters: Chapters = None, profile: Profile = "laptop") -> None:
    """Write each chapter as a notebook that installs what it needs, into _build/colab.

    The numbers in its text are those of the chapter as executed in the profile.
    """
    from ncbook.press.book import Book
    from ncbook.press.colab import FOLDER, write_copies

    book = Book(find_checkout())
    for path in write_copies(book, profile, book.made / FOLDER, chapters or None):
        console().print(str(path), markup=False)
