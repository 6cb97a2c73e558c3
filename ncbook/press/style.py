"""How a figure of the book looks: readable on a white page and on a dark one.

Nothing has a background. Text, axes and ticks take the page's own text colour. Data colours have
nearly the same lightness, 3:1 or more against either page; colour maps fade to the page.
"""

from typing import Any

import matplotlib
import matplotlib.style
from cycler import cycler
from matplotlib.colors import LinearSegmentedColormap, to_rgb

# A colour that no figure uses on purpose: in the finished SVG it becomes the page's text colour.
INK = "#010203"
# Six hues that stay 0.1 apart or more in OKLab, for normal and (Machado et al. 2009) colour-blind
# eyes alike, found by search; each has a line pattern too, since hues alone are never quite enough.
COLOURS = {
    "blue": "#0060d8",
    "orange": "#d07800",
    "teal": "#60a088",
    "red": "#c03030",
    "plum": "#985088",
    "violet": "#a880e0",
}
PATTERNS = ["-", "--", "-.", ":", (0, (6, 1.5)), (0, (3, 1, 1, 1, 1, 1))]
# A reader's machine without DejaVu Sans has Verdana, which is as wide: labels still fit.
FONTS = ["DejaVu Sans", "Verdana", "sans-serif"]
SEQUENTIAL, DIVERGING = "ncbook-sequential", "ncbook-diverging"

_INKED = (
    "text.color axes.edgecolor axes.labelcolor xtick.color ytick.color patch.edgecolor "
    "hatch.color boxplot.boxprops.color boxplot.capprops.color boxplot.whiskerprops.color "
    "boxplot.flierprops.color boxplot.flierprops.markeredgecolor"
)
_CLEAR = (
    "figure.facecolor axes.facecolor savefig.facecolor figure.edgecolor savefig.edgecolor "
    "axes3d.xaxis.panecolor axes3d.yaxis.panecolor axes3d.zaxis.panecolor"
)
STYLE: dict[str, Any] = {
    **dict.fromkeys(_INKED.split(), INK),
    **dict.fromkeys(_CLEAR.split(), "none"),
    # Axes in space ignore grid.alpha; flat ones have it in place of the colour's own.
    "grid.color": f"{INK}26",
    "grid.alpha": 0.15,
    "svg.fonttype": "none",
    "font.sans-serif": FONTS,
    "font.size": 11.0,
    "axes.titlesize": 11.0,
    "axes.labelsize": 11.0,
    "xtick.labelsize": 10.0,
    "ytick.labelsize": 10.0,
    "legend.fontsize": 10.0,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": cycler(color=list(COLOURS.values())) + cycler(linestyle=PATTERNS),
    "axes.grid": True,
    "lines.linewidth": 1.8,
    "image.cmap": SEQUENTIAL,
    "image.interpolation": "none",
    "figure.constrained_layout.use": True,
}


def style() -> None:
    """Give all figures that this process makes from now on the book's look."""
    matplotlib.style.use(STYLE)


def _fade(name: str, *colours: str) -> LinearSegmentedColormap:
    """A colour map that is clear at zero, so that zero is the page's own colour."""
    alphas = [0.0, 1.0] if len(colours) == 1 else [1.0, 0.0, 0.0, 1.0]
    places = [0.0, 1.0] if len(colours) == 1 else [0.0, 0.5, 0.5, 1.0]
    hues = [colour for colour in colours for _ in range(2)]
    stops = [(at, (*to_rgb(hue), a)) for at, hue, a in zip(places, hues, alphas, strict=True)]
    return LinearSegmentedColormap.from_list(name, stops)


for colour_map in (
    _fade(SEQUENTIAL, COLOURS["plum"]),
    _fade(DIVERGING, COLOURS["blue"], COLOURS["orange"]),
):
    matplotlib.colormaps.register(colour_map, force=True)
