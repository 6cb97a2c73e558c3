"""A Matplotlib figure as an SVG that lives inside a page."""

import io
import re
from xml.etree import ElementTree

import matplotlib
from matplotlib.figure import Figure

from ncbook.press.style import FONTS, INK

_SVG, _XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
_HREF = f"{{{_XLINK}}}href"
ElementTree.register_namespace("", _SVG)
ElementTree.register_namespace("xlink", _XLINK)


def to_svg(fig: Figure, name: str, alt: str) -> str:
    """Draw a figure as one SVG element: the same bytes each time, in the page's text colour.

    Ids are kept where a part is used by another; they begin with ``name``, so that figures on one
    page don't borrow each other's parts. The size follows the page's width up to the figure's own.
    """
    with matplotlib.rc_context({"svg.hashsalt": name}):
        stream = io.StringIO()
        # Tight, so that no label is cut off and no empty margin is kept.
        fig.savefig(
            stream, format="svg", bbox_inches="tight", pad_inches=0.04, metadata={"Date": None}
        )
    root = ElementTree.fromstring(stream.getvalue())
    _drop(root, "metadata", "style")
    _drop_idle_ids(root)
    _prefix_ids(root, name)
    _fit(root)
    root.set("role", "img")
    root.set("aria-label", alt)
    text = ElementTree.tostring(root, encoding="unicode").replace(INK, "currentColor")
    text = re.sub(r">\s+<", "><", text)  # indentation, a seventh of the whole
    # Formulas name their one font only, with nothing for machines that lack it.
    return text.replace(f"font-family: '{FONTS[0]}';", f"font-family: {', '.join(FONTS)};")


def _drop(root: ElementTree.Element, *tags: str) -> None:
    # Matplotlib's style element speaks to `*`: inside a page that would be everything on it.
    for parent in list(root.iter()):
        for child in [c for c in parent if c.tag in {f"{{{_SVG}}}{tag}" for tag in tags}]:
            parent.remove(child)


def _drop_idle_ids(root: ElementTree.Element) -> None:
    # Matplotlib names every line and tick, and one image shown twice by one name.
    values = " ".join(value for element in root.iter() for value in element.attrib.values())
    used = set(re.findall(r"(?:^|\s|url\()#([^\s)]+)", values))
    for element in root.iter():
        if element.get("id") not in used:
            element.attrib.pop("id", None)


def _prefix_ids(root: ElementTree.Element, name: str) -> None:
    for element in root.iter():
        for key, value in element.items():
            if key == "id":
                element.set(key, f"{name}-{value}")
            elif key in (_HREF, "href") and value.startswith("#"):
                element.set(key, f"#{name}-{value[1:]}")
            elif "url(#" in value:
                element.set(key, re.sub(r"url\(#", f"url(#{name}-", value))


def _fit(root: ElementTree.Element) -> None:
    width = root.attrib.pop("width")
    root.attrib.pop("height")
    joins = "stroke-linejoin:round;stroke-linecap:butt"  # what the dropped style element said
    root.set("style", f"width:100%;max-width:{width};height:auto;{joins}")
