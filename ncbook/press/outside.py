"""What the pages of a site would ask other hosts for, found by reading them."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

_OUTSIDE = re.compile(r"\s*(?:https?:)?//\S", re.IGNORECASE)
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_NAMESPACE = re.compile(r"@namespace[^;]*;")  # a name that only looks like an address
_IN_STYLES = re.compile(r"""(?:@import\s+(?:url\(\s*)?|url\(\s*)["']?([^"')\s;]+)""", re.IGNORECASE)
_IN_SCRIPTS = re.compile(r"""(?:\bimport\s*\(?|\bfrom|\bimportScripts\()\s*["']([^"'\s]+)["']""")
# By tag, the attributes whose address a browser fetches without being asked to.
_FETCHED = {
    "audio": ("src",),
    "base": ("href",),  # fetches nothing, and sends everything else elsewhere
    "embed": ("src",),
    "feimage": ("href", "xlink:href"),
    "iframe": ("src",),
    "image": ("href", "xlink:href"),
    "img": ("src", "srcset"),
    "input": ("src",),
    "object": ("data",),
    "script": ("src",),
    "source": ("src", "srcset"),
    "track": ("src",),
    "use": ("href", "xlink:href"),
    "video": ("src", "poster"),
}
# A link element fetches, or prepares to, unless it only names a relative of the page.
_NAMED_ONLY = {"alternate", "author", "canonical", "help", "license", "next", "prev", "search"}


def find_outside(site: Path) -> list[str]:
    """Every request of a site's pages, styles and scripts to another host: ``file: address``.

    Links that a reader may follow are no requests.
    """
    readers = {".html": _in_page, ".css": _in_styles, ".js": _in_script}
    return [
        f"{path.relative_to(site).as_posix()}: {address}"
        for path in sorted(site.rglob("*"))
        if path.suffix in readers and path.is_file()
        for address in dict.fromkeys(readers[path.suffix](path.read_text(encoding="utf-8")))
    ]


def _in_page(text: str) -> Iterator[str]:
    page = _Page()
    page.feed(text)
    page.close()
    yield from filter(_OUTSIDE.match, page.addresses)


def _in_styles(text: str) -> Iterator[str]:
    bare = _NAMESPACE.sub("", _COMMENT.sub("", text))
    yield from filter(_OUTSIDE.match, _IN_STYLES.findall(bare))


def _in_script(text: str) -> Iterator[str]:
    yield from filter(_OUTSIDE.match, _IN_SCRIPTS.findall(text))


class _Page(HTMLParser):
    """Collects the addresses that a page fetches, its own and others."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._inside = tag
        for name in _fetched(tag, given):
            # A srcset holds several: `a.png 1x, b.png 2x`.
            parts = given.get(name, "").split(",") if name == "srcset" else [given.get(name, "")]
            self.addresses += [part.strip() for part in parts]
        self.addresses += _in_styles(given.get("style", ""))

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "style":
            self.addresses += _in_styles(data)
        elif self._inside == "script":
            self.addresses += _in_script(data)


def _fetched(tag: str, attributes: dict[str, str]) -> tuple[str, ...]:
    if tag != "link":
        return _FETCHED.get(tag, ())
    relations = set(attributes.get("rel", "").lower().split())
    return () if relations and relations <= _NAMED_ONLY else ("href",)
