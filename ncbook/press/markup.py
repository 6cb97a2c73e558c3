"""An output of a cell: HTML where it can be shown, and words where it can't."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Markup:
    """What IPython displays as ``html`` on a page and as ``text`` in a terminal."""

    html: str
    text: str

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return self.html
