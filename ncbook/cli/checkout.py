"""Finding the folder that the book is in."""

from pathlib import Path

from ncbook.errors import NcbookError

MARK = "_toc.yml"


def find_checkout() -> Path:
    """The folder of the book: the current one or one above it, else the one this package is in.

    Raises:
        NcbookError: if the package was installed without the book, and none is here (exit code 2).
    """
    here = Path.cwd()
    for folder in (here, *here.parents, Path(__file__).parents[2]):
        if (folder / MARK).is_file() and (folder / "book").is_dir():
            return folder
    raise NcbookError(
        f"There is no book in {here} or above it", "Clone its repository and run this inside it", 2
    )


def in_checkout() -> bool:
    """Whether there is a book to work on."""
    try:
        find_checkout()
    except NcbookError:
        return False
    return True
