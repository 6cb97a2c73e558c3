"""The chapters as notebooks for Colab and Jupyter: which there are, and where Colab finds them."""

import re
from pathlib import Path

from ncbook.errors import NcbookError
from ncbook.lab.listing import list_runs
from ncbook.press import notebooks
from ncbook.press.book import Book
from ncbook.press.copies import Copy
from ncbook.press.lowering.gathering import Gathering
from ncbook.press.stamps import DamagedError, Stamp, find_staleness, read

FOLDER = "colab"  # in the built site, and so on the branch that it is published on
_GITHUB = re.compile(r"https://github\.com/([\w.-]+/[\w.-]+)")


def badge_url(book: Book, chapter: str) -> str | None:
    """The address that opens a chapter's copy in Colab; None where no repository on GitHub is set.

    Args:
        book: whose ``_config.yml`` has the repository's address.
        chapter: by its whole name.
    """
    repository = book.repository
    match = repository and _GITHUB.fullmatch(repository.url)
    if not repository or not match:
        return None
    path = f"{repository.pages_branch}/{FOLDER}/{chapter}.ipynb"
    return f"https://colab.research.google.com/github/{match[1]}/blob/{path}"


def write_copies(
    book: Book, profile: str, target: Path, chapters: list[str] | None = None
) -> list[Path]:
    """Write a copy of each chapter, its numbers those of the execution in a profile.

    Args:
        book: whose chapters.
        profile: in which they were executed.
        target: the folder of the copies, made if need be.
        chapters: names or beginnings of names; None means all.

    Returns:
        The copies, in the order of the chapters.

    Raises:
        NcbookError: if a chapter must be executed first, or has markup without a plain form.
    """
    names = book.find(chapters)
    stamps = {name: _stamp(book, name, profile) for name in names}
    gathering = Gathering(book, profile)
    spent = {run.id: run.seconds for run in list_runs()}
    target.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, stamp in stamps.items():
        copy = Copy(book, name, profile, stamp, gathering.references(name), spent)
        paths.append(target / f"{name}.ipynb")
        notebooks.save(copy.notebook(), paths[-1])
    return paths


def _stamp(book: Book, chapter: str, profile: str) -> Stamp:
    try:
        why = find_staleness(book, chapter, profile)
    except DamagedError as error:
        why = f"its executed copy is damaged: {error}"
    if why:
        raise NcbookError(
            f"No copy of {chapter}, for want of its numbers ({why})",
            f"Run `ncbook run {chapter} --profile {profile}`",
        )
    return read(book.copy(profile, chapter))[1]
