"""What stands below a chapter's title: how it was executed, and where else it can be opened."""

from datetime import datetime
from html import escape

from ncbook.press.book import Book
from ncbook.press.colab import badge_url
from ncbook.press.progress import megabytes, seconds
from ncbook.press.stamps import Stamp


def header(book: Book, chapter: str, profile: str, stamp: Stamp, exercises: list[str]) -> str:
    """The lines below the title, as HTML.

    Args:
        book, chapter, profile: which page.
        stamp: how the chapter was executed.
        exercises: the numbers of those it calls for.
    """
    short = f"Executed in {seconds(stamp.seconds)} on {stamp.device}, {profile} profile"
    facts = {
        "Date": _date(stamp),
        "Data": "; ".join(dict.fromkeys(f"{d['name']} from {d['source']}" for d in stamp.data)),
        "Networks": f"{stamp.trained} networks trained, {stamp.loaded} loaded from the store",
        "Memory": f"up to {megabytes(stamp.peak_memory)}",
        "Versions": ", ".join(f"{name} {version}" for name, version in stamp.versions.items()),
    }
    pairs = "".join(
        f"<div><dt>{name}</dt><dd>{escape(fact)}</dd></div>" for name, fact in facts.items() if fact
    )
    links = f"{_colab(book, chapter)}{_practice(chapter, exercises)}"
    return (
        f'<div class="ncbook-header"><p>{links}</p>'
        f"<details><summary>{escape(short)}</summary><dl>{pairs}</dl></details></div>"
    )


def _date(stamp: Stamp) -> str:
    day = datetime.fromisoformat(stamp.date)
    return f"{day.day} {day:%B %Y}"


def _colab(book: Book, chapter: str) -> str:
    """The badge, where it is known from where Colab can fetch the notebook; and the notebook."""
    url = badge_url(book, chapter)
    badge = f'<a class="ncbook-badge" href="{url}">Open in Colab</a> ' if url else ""
    return f'{badge}<a href="../colab/{chapter}.ipynb" download>Notebook for Colab or Jupyter</a>'


def _practice(chapter: str, numbers: list[str]) -> str:
    if not numbers:
        return ""
    count = f"{len(numbers)} exercises and a quiz"
    return f' · <a href="#exercises">{count}</a> {progress(chapter.split("-")[0], len(numbers))}'


def progress(number: str, total: int) -> str:
    """Where the page's script writes how many of a chapter's exercises its reader has done."""
    return f'<span class="ncbook-progress" data-chapter="{number}" data-exercises="{total}"></span>'
