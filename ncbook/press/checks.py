"""What must hold of a built page before anyone gets to see it."""

import re
from pathlib import Path

from bs4 import BeautifulSoup

from ncbook.press.book import Book

# What MyST leaves standing when it doesn't know a directive or role.
RAW = re.compile(r"(?:`{3,}|:{3,})\{[\w:+-]+\}|\{[\w:+-]+\}`")
TRACEBACK = re.compile(r"Traceback \(most recent call last\)")
# What a cell shows if it ends in a call that returns something nobody asked to see.
OBJECT = re.compile(r"<[\w.]+ (?:object )?at 0x[0-9a-f]+>|^\[?Text\([-\d]", re.MULTILINE)


def find_faults(book: Book, site: Path) -> list[str]:
    """What is wrong with the pages of a built site, a line each."""
    faults = []
    for page in book.pages:
        path = site / f"{page}.html"
        if path.is_file():
            faults += [f"{page}: {fault}" for fault in _faults_of(path)]
        else:
            faults.append(f"{page}: not built")
    return faults


def _faults_of(path: Path) -> list[str]:
    article = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser").find("article")
    if article is None:
        return ["has no text"]
    faults = []
    outputs = [node.get_text() for node in article.select(".output, .traceback")]
    if article.select(".output.traceback") or any(map(TRACEBACK.search, outputs)):
        faults.append("shows a traceback")
    objects = {found.group() for found in map(OBJECT.search, outputs) if found}
    if objects:
        shown = ", ".join(sorted(objects))
        faults.append(f"shows {shown}: end the last line of such a cell with a semicolon")
    for quoted in article.select("pre, code, script, style"):
        quoted.decompose()
    raw = RAW.search(article.get_text())
    if raw:
        faults.append(f"shows a raw directive, {raw.group()}")
    return faults
