"""Points in space that a reader turns: for this, pictures drawn beforehand won't do."""

import html
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from IPython.display import display

from ncbook.errors import NcbookError
from ncbook.press import artifacts
from ncbook.press.figures import check, new_figure, publish
from ncbook.press.style import COLOURS
from ncbook.press.svg import to_svg

SCRIPT = Path(__file__).with_name("space.js")
TURN, TILT = 0.6, 0.35  # radians, at first
# The page's own model: what anywidget's gives, without a kernel behind it.
_PAGE = """
const state = %s;
render({ model: { get: (name) => state[name] }, el: document.getElementById(%s) });
"""


def turntable(points: Any, labels: Sequence[str], name: str, caption: str, alt: str) -> None:
    """Show points in space as spokes from the origin, turned by dragging or with the arrow keys.

    Args:
        points: (n, 3), n ≤ 6, of length about 1.
        labels: a word for each.
        name, caption, alt: as for `figure`.

    Raises:
        NcbookError: as `figure`; or if the points aren't in space or too many for the colours.
    """
    places = np.asarray(points, float)
    if places.shape != (len(labels), 3) or len(labels) > len(COLOURS):
        raise NcbookError(
            f"Turntable {name!r} has points of shape {places.shape} and {len(labels)} labels",
            f"Give up to {len(COLOURS)} points in space, each with its label",
        )
    data = {"label": list(labels), **dict(zip("xyz", places.T, strict=True))}
    check(name, caption, alt, data)
    state = {
        "points": places.round(4).tolist(),
        "labels": list(labels),
        "colours": list(COLOURS.values())[: len(labels)],
        "turn": TURN,
        "tilt": TILT,
        "alt": alt,
    }
    still = _still(state, name)
    kernel = artifacts.folder() is None
    if kernel:
        display(_widget(state))  # type: ignore[no-untyped-call]
    publish("" if kernel else _body(state, name, still), still, name, caption, alt, data)


def _widget(state: Mapping[str, Any]) -> Any:
    """The same module behind a kernel."""
    import anywidget
    import traitlets

    class Turntable(anywidget.AnyWidget):
        _esm = SCRIPT
        points: Any = traitlets.List().tag(sync=True)
        labels: Any = traitlets.List().tag(sync=True)
        colours: Any = traitlets.List().tag(sync=True)
        turn = traitlets.Float().tag(sync=True)
        tilt = traitlets.Float().tag(sync=True)
        alt = traitlets.Unicode().tag(sync=True)

    return Turntable(**state)


def _body(state: Mapping[str, Any], name: str, still: str) -> str:
    """A still that the script replaces by what can be turned."""
    script = SCRIPT.read_text(encoding="utf-8") + _PAGE % (
        json.dumps(state).replace("</", "<\\/"),
        json.dumps(f"{name}-table"),
    )
    hint = "Drag to turn it, or use the arrow keys."
    return (
        f'<div id="{name}-table" class="ncbook-turntable">{still}</div>'
        f'<p class="demo-says">{html.escape(hint)}</p><script type="module">{script}</script>'
    )


def _still(state: Mapping[str, Any], name: str) -> str:
    """The first view as a picture, for where no script runs."""
    fig, ax = new_figure(height=3.6)
    middle = np.mean(state["points"], axis=0) / 2
    start = project(-middle, state["turn"], state["tilt"])
    for point, label, colour in zip(
        state["points"], state["labels"], state["colours"], strict=True
    ):
        right, up, _ = project(np.array(point) - middle, state["turn"], state["tilt"])
        ax.plot([start[0], right], [start[1], up], "-", color=colour)
        ax.plot(right, up, "o", color=colour)
        ax.annotate(label, (right, up), xytext=(6, 6), textcoords="offset points")
    ax.set(xlim=(-1.3, 1.3), ylim=(-1.3, 1.3), aspect="equal")
    ax.set_axis_off()
    return to_svg(fig, name, state["alt"])


def project(point: np.ndarray, turn: float, tilt: float) -> tuple[float, float, float]:
    """Where the script draws a point: to the right, up, and towards the viewer."""
    x, y, z = point
    across = np.cos(turn) * x + np.sin(turn) * y
    depth = -np.sin(turn) * x + np.cos(turn) * y
    return (
        across,
        np.cos(tilt) * z + np.sin(tilt) * depth,
        np.sin(tilt) * z - np.cos(tilt) * depth,
    )
