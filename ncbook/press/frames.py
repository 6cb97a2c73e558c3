"""A figure in frames, moved by hand: it needs neither a kernel nor a script."""

import html
from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from ncbook.errors import NcbookError
from ncbook.press.figures import check, publish
from ncbook.press.svg import to_svg

_ROW = "display:flex;flex-wrap:wrap;gap:.2em .7em"


def scrubber(
    frames: Mapping[Any, Figure],
    unit: str,
    name: str,
    caption: str,
    alt: str,
    data: Mapping[str, Any],
) -> None:
    """Show one of several pictures, chosen by buttons, and in the book keep the last of them.

    The buttons are a radio group: the Tab key reaches it and the arrow keys move through it.
    Which picture is seen is a rule of style alone, so it works wherever the page does.

    Args:
        frames: pictures by what their buttons say, such as epochs. Give all axes the same limits.
        unit: what the buttons count, such as ``"epoch"``.
        name, caption, alt, data: as for `figure`; ``alt`` says what all frames show together.

    Raises:
        NcbookError: as `figure`, or if there are fewer than two frames.
    """
    check(name, caption, alt, data)
    if len(frames) < 2:
        raise NcbookError(
            f"Scrubber {name!r} has {len(frames)} frame(s)", "Give two or more, or use figure()"
        )
    pictures = [
        to_svg(fig, f"{name}-{place}", f"{unit} {label}: {alt}")
        for place, (label, fig) in enumerate(frames.items())
    ]
    body = _style(name, len(pictures)) + _buttons(list(frames), unit, name)
    body += "".join(f'<div id="{name}-frame-{i}">{svg}</div>' for i, svg in enumerate(pictures))
    publish(body, pictures[-1], name, caption, alt, data)


def _style(name: str, count: int) -> str:
    """All frames are hidden but the one whose button is chosen."""
    frame, figure = f"#{name}-frame-", f"#fig-{name}"
    hidden = ",".join(f"{frame}{i}" for i in range(count))
    rules = f"{hidden}{{display:none}}" + "".join(
        f"{figure}:has(#{name}-at-{i}:checked) {frame}{i}{{display:block}}" for i in range(count)
    )
    rules += f"{figure} fieldset{{{_ROW};margin:0 0 .4em;padding:0;border:0}}"
    rules += f"{figure} label{{{_ROW};align-items:center;cursor:pointer;margin:0}}"
    return f"<style>{rules}</style>"


def _buttons(labels: list[Any], unit: str, name: str) -> str:
    last = len(labels) - 1
    parts = [
        f'<label><input type="radio" name="{name}-at" id="{name}-at-{place}"'
        f"{' checked' if place == last else ''}>{html.escape(str(label))}</label>"
        for place, label in enumerate(labels)
    ]
    legend = f'<span id="{name}-unit">{html.escape(unit)}</span>'
    group = f'<fieldset role="radiogroup" aria-labelledby="{name}-unit">'
    return f"{group}{legend}{''.join(parts)}</fieldset>"
