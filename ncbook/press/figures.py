"""The book's figures: drawn in one style, described in words, with their data beside them."""

import csv
import html
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from ncbook import journal
from ncbook.errors import NcbookError
from ncbook.press import artifacts
from ncbook.press.glue import paste
from ncbook.press.intervals import t_interval
from ncbook.press.markup import Markup
from ncbook.press.style import DIVERGING, style
from ncbook.press.svg import to_svg

SHORTEST_ALT = 30  # characters; less can't say what a plot shows
WIDTHS = {1: 5.0, 2: 6.6}  # inches, by columns; 7.2 is the width of the text, a phone's a third
SITE_FOLDER = "_static/figures"  # where the built site keeps each chapter's pictures and data
_UNSTYLED = 'style="margin:1em 0"'  # all that a figure needs where the book's style sheet is absent


def new_figure(
    rows: int = 1, cols: int = 1, height: float | None = None, **subplots: Any
) -> tuple[Figure, Any]:
    """An empty figure in the book's style, and its axes as Matplotlib's ``subplots`` gives them.

    The figure is not known to pyplot, so a notebook doesn't show it a second time by itself.

    Args:
        rows, cols: how many axes.
        height: of the whole figure, in inches; by default 3.1 for each row.
        **subplots: passed on, such as ``sharey=True`` or ``subplot_kw={"projection": "3d"}``.
    """
    style()
    fig = Figure(figsize=(WIDTHS.get(cols, WIDTHS[2]), height or 3.1 * rows))
    return fig, fig.subplots(rows, cols, **subplots)


def figure(fig: Figure, name: str, caption: str, alt: str, data: Mapping[str, Any]) -> None:
    """Show a figure, and in the book keep its picture, its data and a record of it.

    Args:
        fig: any Matplotlib figure, best one from `new_figure`.
        name: unique in its chapter; letters, digits and hyphens.
        caption: what a reader who sees the figure should look at. Plain text.
        alt: what the figure shows, for a reader who doesn't see it: 30 characters or more.
        data: the plotted numbers by column name. Columns of one length become a CSV, others an npz.

    Raises:
        NcbookError: if the description is missing or says too little, there is no data, or the name
            is unfit or taken.
    """
    check(name, caption, alt, data)
    svg = to_svg(fig, name, alt)
    publish(svg, svg, name, caption, alt, data)


def publish(
    body: str, svg: str, name: str, caption: str, alt: str, data: Mapping[str, Any]
) -> None:
    """Show what stands above the caption, and in the book keep one picture of it as an SVG."""
    markup = (
        _caption(caption) if artifacts.folder() is None else _keep(svg, name, caption, alt, data)
    )
    page = f'<figure id="fig-{name}" class="ncbook-figure" {_UNSTYLED}>{body}{markup}</figure>'
    display(Markup(page, alt))  # type: ignore[no-untyped-call]


def check(name: str, caption: str, alt: str, data: Mapping[str, Any]) -> None:
    """Ask for all that a figure needs besides its picture; errors as `figure`."""
    problem = None
    if not name or not all(c.isascii() and (c.isalnum() or c == "-") for c in name):
        problem = "has a name with other characters than letters, digits and hyphens"
    elif len(alt.strip()) < SHORTEST_ALT:
        problem = f"has an alt text of fewer than {SHORTEST_ALT} characters"
    elif alt.strip() == caption.strip():
        problem = "has its caption for an alt text"
    elif not data:
        problem = "has no data"
    if problem:
        raise NcbookError(
            f"Figure {name!r} {problem}",
            "Say in alt what it shows, for someone who can't see it, and pass the plotted data",
        )


def _keep(svg: str, name: str, caption: str, alt: str, data: Mapping[str, Any]) -> str:
    """Write the figure's files and its record; returns the caption with a link to the data."""
    where = cast(Path, artifacts.folder()) / "figures"
    where.mkdir(parents=True, exist_ok=True)
    file = _write_data(where, name, data)
    # On its own a picture has no page to take its text colour from.
    alone = svg.replace("<svg ", '<svg color="#222222" ', 1)
    (where / f"{name}.svg").write_text(alone, encoding="utf-8")
    facts = {"caption": caption, "alt": alt, "chapter": artifacts.chapter(), "data": file}
    label = number(artifacts.chapter(), artifacts.record("figures", name, facts))
    paste(f"fig-{name}", label, f'<a href="#fig-{name}">{label}</a>')
    return _caption(caption, label, _links(name, f"../{SITE_FOLDER}/{artifacts.chapter()}/{file}"))


def _links(name: str, data: str) -> str:
    """To the plotted numbers, and to the code above the figure, where the site sets an anchor."""
    return (
        f'<a class="ncbook-data" href="{data}" download>Data</a> '
        f'<a class="ncbook-data" href="#code-{name}">Code</a>'
    )


def number(chapter: str, place: int) -> str:
    """``Figure 6.2`` for the second figure of a chapter whose name begins with 06."""
    digits = chapter.split("-")[0]
    return f"Figure {int(digits)}.{place}" if digits.isdecimal() else f"Figure {place}"


def _caption(caption: str, label: str = "", links: str = "") -> str:
    parts = [f"<strong>{label}.</strong>"] if label else []
    parts.append(html.escape(caption))
    if journal.fallback():
        parts.append(f"<em>Made with {journal.fallback()}, for want of the real data.</em>")
    parts += [links] if links else []
    return f"<figcaption>{' '.join(parts)}</figcaption>"


def _write_data(where: Path, name: str, data: Mapping[str, Any]) -> str:
    columns = {key: np.asarray(values) for key, values in data.items()}
    shapes = {column.shape for column in columns.values()}
    if len(shapes) == 1 and len(shapes.pop()) == 1:
        with (where / f"{name}.csv").open("w", encoding="utf-8", newline="") as stream:
            rows = zip(*columns.values(), strict=True)
            csv.writer(stream, lineterminator="\n").writerows([list(columns), *rows])
        return f"{name}.csv"
    np.savez_compressed(where / f"{name}.npz", allow_pickle=False, **columns)
    return f"{name}.npz"


def band(ax: Axes, x: Any, runs: Any, label: str) -> None:
    """Draw the mean over seeds, and around it the 95 % interval for that mean (Student's t).

    With n seeds the interval is mean ± t(0.975, n−1)·s/√n, s their standard deviation. On a
    logarithmic axis (set the scale first) mean and interval are those of the logarithms, drawn back
    on the axis: an interval in plain units would often reach below zero. A single seed gets its
    line alone.

    Args:
        ax: where to draw.
        x: (points,).
        runs: one row for each seed, (seeds, points).
        label: for the legend.

    Raises:
        ValueError: if ``runs`` isn't a table with one column for each x.
    """
    values = np.asarray(runs, dtype=float)  # (seeds, points)
    if values.ndim != 2 or values.shape[1] != len(x):
        raise ValueError(f"runs must be (seeds, {len(x)}), got {values.shape}")
    logarithmic = ax.get_yscale() == "log"
    low, mean, high = t_interval(np.log(values) if logarithmic else values)
    if logarithmic:
        low, mean, high = np.exp(low), np.exp(mean), np.exp(high)
    (line,) = ax.plot(x, mean, label=label)
    if len(values) > 1:
        ax.fill_between(x, low, high, color=line.get_color(), alpha=0.25, linewidth=0)


def gram(ax: Axes, matrix: Any, limit: float | None = None) -> Any:
    """Draw a matrix of inner products: blue below zero, orange above, zero in the page's colour.

    Args:
        ax: where to draw.
        matrix: (k, k).
        limit: the value at full colour; by default the largest entry's size.

    Returns:
        The image, for `matplotlib.figure.Figure.colorbar`.

    Raises:
        ValueError: if the matrix isn't square.
    """
    values = np.asarray(matrix, dtype=float)
    if values.ndim != 2 or values.shape[0] != values.shape[1]:
        raise ValueError(f"matrix must be square, got shape {values.shape}")
    limit = limit or float(np.abs(values).max()) or 1.0
    image = ax.imshow(values, cmap=DIVERGING, norm=Normalize(-limit, limit))
    ax.set(xticks=[], yticks=[])
    ax.grid(False)
    ax.spines[:].set_visible(True)
    return image
