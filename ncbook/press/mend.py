"""Faults of the theme and of Jupyter Book's other parts, mended in the finished pages.

They can't be reached by configuration. Each entry says what is wrong; one that no longer finds its
fault does nothing.
"""

import re
from pathlib import Path

_THEBE = re.compile(  # launched nowhere here; it declares a constant twice, which is an error
    r"<script>const THEBE_JS_URL.*?</script>\s*"
    r'|<script [^>]*src="[^"]*/sphinx-thebe\.js[^>]*></script>\s*'
    r'|<link [^>]*href="[^"]*/sphinx-thebe\.css[^>]*>\s*'
)
_ICONS = re.compile(  # 1.5 MB that draw again what the theme's fonts have drawn
    r'<script [^>]*src="[^"]*/fontawesome\.js[^>]*></script>\s*'
)
_SEARCH = re.compile(  # the words of the whole book, used on the page of results alone
    r'<script src="[^"]*(?:searchtools|language_data|searchindex)\.js[^>]*></script>\s*'
)
_DOUBLED = re.compile(  # one name for every proof, exercise and solution of a page
    r'(<(?:div|section)\b[^>]*) id="(?:proof|(?:proof|exercise|solution)-content)"'
)
_ROLES = re.compile(  # a list whose children aren't items
    r'(<div) role="list"( class="citation-list")'
    r'|(<div class="citation"[^>]*) role="doc-biblioentry"'
)
_NAMES = re.compile(  # spoken in place of the words on the button, which say the same or more
    r'(<summary) aria-label="Toggle hidden content"'
    r'|(<button class="btn search-button-field[^>]*) aria-label="Search"'
)


def mend(site: Path) -> None:
    """Mend every page of a built site, in place."""
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        page.write_text(mended(text, searches=page.name == "search.html"), encoding="utf-8")


def mended(text: str, searches: bool = False) -> str:
    """The text of a page without these faults.

    Args:
        text: HTML.
        searches: whether it is the page that shows what a search found.
    """
    for fault in (_THEBE, _ICONS, *(() if searches else (_SEARCH,))):
        text = fault.sub("", text)
    for fault in (_DOUBLED, _ROLES, _NAMES):
        text = fault.sub(lambda found: "".join(filter(None, found.groups())), text)
    return text
