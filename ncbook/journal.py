"""What this process has used so far, for whoever reports on it.

The lab notes each data set it opens and each run it trains or loads; the press reads the notes
when it stamps a chapter or prints a verdict. Neither needs to know the other.
"""

from typing import Any, Literal

Kind = Literal["data", "run"]
_notes: dict[Kind, list[dict[str, Any]]] = {"data": [], "run": []}


def note(kind: Kind, **facts: Any) -> None:
    """Remember one fact; a second, equal one is not kept.

    Kinds and what they hold:
        ``data``: ``name``, ``source`` (where it came from), ``fallback`` (True if it stands in for
            the data set that was asked for).
        ``run``: ``id``, ``trained`` (False if it was loaded from the store), ``device``.
    """
    if facts not in _notes[kind]:
        _notes[kind].append(facts)


def notes(kind: Kind) -> list[dict[str, Any]]:
    """All facts of one kind, in the order they were noted."""
    return [dict(facts) for facts in _notes[kind]]


def fallback() -> str | None:
    """The name of a data set that stands in for the one asked for, or None if there is none."""
    return next((facts["name"] for facts in _notes["data"] if facts["fallback"]), None)
