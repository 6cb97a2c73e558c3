"""A figure that answers to its reader: drawn beforehand for a grid of values, moved by buttons.

Which picture is seen is a rule of style alone, so a demo needs neither a kernel nor a script and
works wherever its page does. With a kernel, a panel below it draws for any value.
"""

import html
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any

from IPython.display import display
from matplotlib.figure import Figure

from ncbook.errors import NcbookError
from ncbook.press import artifacts
from ncbook.press.figures import check, publish
from ncbook.press.numerals import typeset, typeset_prose
from ncbook.press.svg import to_svg

Draw = Callable[..., tuple[Figure, str]]
LARGEST = 1_500_000  # bytes of one demo; a page with all it holds stays under 3 MB
_ROW = "display:flex;flex-wrap:wrap;gap:.2em 1.1em"


def demo(
    draw: Draw,
    name: str,
    caption: str,
    alt: str,
    start: Mapping[str, Any] | None = None,
    data: Mapping[str, Any] | None = None,
    **grid: Sequence[Any],
) -> None:
    """Show one of the pictures that ``draw`` makes over a grid of values, chosen by buttons.

    Each parameter has a row of buttons, a radio group: the Tab key reaches it and the arrow keys
    move through it. Below the picture stands what ``draw`` says of it, in words; a reader who
    doesn't see the picture has that.

    Args:
        draw: takes a value of each parameter by name; returns a figure, and a sentence or two that
            say what it shows for these values, with its numbers. Give all axes the same limits.
        name, caption: as for `figure`.
        alt: what can be seen in all pictures together, 30 characters or more.
        start: the values at first; by default the first of each parameter.
        data: the plotted numbers, as for `figure`; by default the grid with what is said of it.
        **grid: the values of each parameter, by its name; ``_`` in a name is shown as a space.

    Raises:
        NcbookError: as `figure`; or if there is only one picture, ``start`` isn't on the grid, or
            the pictures together are too large for a page.
    """
    first = {key: values[0] for key, values in grid.items()} | dict(start or {})
    points = [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
    _check(name, points, first)
    drawn = [draw(**point) for point in points]
    columns = {key: [_shown(point[key]) for point in points] for key in grid}
    data = data or columns | {"says": [said for _, said in drawn]}
    check(name, caption, alt, data)
    pictures = [
        to_svg(fig, f"{name}-{place}", f"{alt} {said}") for place, (fig, said) in enumerate(drawn)
    ]
    _check_size(name, pictures)
    chosen = points.index(first)
    publish(
        _style(name, grid) + _controls(name, grid, first) + _frames(name, grid, drawn, pictures),
        pictures[chosen],
        name,
        caption,
        f"{alt} {drawn[chosen][1]}",
        data,
    )
    if artifacts.folder() is None:
        from ncbook.press.panel import panel

        display(panel(draw, grid, first))  # type: ignore[no-untyped-call]


def _check(name: str, points: list[dict[str, Any]], first: Mapping[str, Any]) -> None:
    if len(points) < 2:
        raise NcbookError(
            f"Demo {name!r} has {len(points)} picture(s)",
            "Give a grid of two or more, or use figure()",
        )
    if first not in points:
        raise NcbookError(f"Demo {name!r} starts off its grid", "Choose `start` among its values")


def _check_size(name: str, pictures: list[str]) -> None:
    size = sum(map(len, pictures))
    if size > LARGEST:
        raise NcbookError(
            f"Demo {name!r} takes {size:,} bytes, {len(pictures)} pictures together",
            f"Draw fewer or simpler ones: up to {LARGEST:,} bytes, or the page gets too heavy",
        )


def _style(name: str, grid: Mapping[str, Sequence[Any]]) -> str:
    """A picture is hidden by every button that isn't its own while that button is chosen."""
    figure = f"#fig-{name}"
    rules = [
        f"{figure}:has(#{_id(name, key, place)}:checked) .demo-frame:not(.{_class(key, place)})"
        for key, values in grid.items()
        for place in range(len(values))
    ]
    return (
        f"<style>{','.join(rules)}{{display:none}}"
        f"{figure} fieldset{{{_ROW};margin:0 0 .4em;padding:0;border:0;min-width:0}}"
        f"{figure} label{{display:flex;gap:.35em;align-items:center;cursor:pointer;margin:0}}"
        f"{figure} .demo-says{{text-align:center;font-size:.9rem;margin:.3em auto 0}}</style>"
    )


def _controls(name: str, grid: Mapping[str, Sequence[Any]], first: Mapping[str, Any]) -> str:
    return "".join(_buttons(name, key, values, first[key]) for key, values in grid.items())


def _buttons(name: str, key: str, values: Sequence[Any], chosen: Any) -> str:
    group = f"{name}-{key}"
    parts = [
        f'<label><input type="radio" name="{group}" id="{_id(name, key, place)}"'
        f"{' checked' if value == chosen else ''}>{html.escape(_shown(value))}</label>"
        for place, value in enumerate(values)
    ]
    legend = f'<span id="{group}-name">{html.escape(key.replace("_", " "))}</span>'
    head = f'<fieldset role="radiogroup" aria-labelledby="{group}-name">'
    return f"{head}{legend}{''.join(parts)}</fieldset>"


def _frames(
    name: str,
    grid: Mapping[str, Sequence[Any]],
    drawn: list[tuple[Figure, str]],
    pictures: list[str],
) -> str:
    places = product(*(range(len(values)) for values in grid.values()))
    parts = []
    for at, (_, said), picture in zip(places, drawn, pictures, strict=True):
        classes = " ".join(_class(key, place) for key, place in zip(grid, at, strict=True))
        says = f'<p class="demo-says">{html.escape(typeset_prose(said))}</p>'
        parts.append(f'<div class="demo-frame {classes}">{picture}{says}</div>')
    return f'<div class="demo-frames" aria-live="polite">{"".join(parts)}</div>'


def _id(name: str, key: str, place: int) -> str:
    return f"{name}-{key}-{place}"


def _class(key: str, place: int) -> str:
    return f"at-{key}-{place}"


def _shown(value: Any) -> str:
    """A value on its button."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return typeset(f"{value:g}") if isinstance(value, float) else str(value)
