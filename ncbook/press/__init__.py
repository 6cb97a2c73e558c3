"""Making the book: what its notebooks call, and what executes and builds them.

A notebook imports from here what `__all__` lists.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

# Imported at once: the module of the same name would shadow a function fetched later. It is light.
from ncbook.press.glue import glue

if TYPE_CHECKING:
    from ncbook.press.claims import claim
    from ncbook.press.demos import demo
    from ncbook.press.exercises import check, exercise, quiz
    from ncbook.press.figures import band, figure, gram, new_figure
    from ncbook.press.space import turntable

__all__ = [
    "band",
    "check",
    "claim",
    "demo",
    "exercise",
    "figure",
    "glue",
    "gram",
    "new_figure",
    "quiz",
    "turntable",
]

_HOME = {
    "band": "figures",
    "check": "exercises",
    "claim": "claims",
    "demo": "demos",
    "exercise": "exercises",
    "figure": "figures",
    "gram": "figures",
    "new_figure": "figures",
    "quiz": "exercises",
    "turntable": "space",
}


def __getattr__(name: str) -> Any:
    # Matplotlib takes most of a second to import; the command line must not wait for it.
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
