"""Faults of other parts, mended in finished pages."""

from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from ncbook.press.mend import mend, mended

HEAD = """<head><link rel="stylesheet" href="../_static/sphinx-thebe.css?v=1" />
<script defer src="../_static/scripts/fontawesome.js?digest=1"></script>
<script src="../_static/doctools.js?v=9"></script>
<script>const THEBE_JS_URL = "thebe.js"; const thebe_selector = ".x"</script>
<script async="async" src="../_static/sphinx-thebe.js?v=1"></script>
<script src="../_static/searchtools.js"></script>
<script src="../_static/language_data.js"></script>
<script src="../searchindex.js"></script></head>"""


def scripts(text: str) -> list[str]:
    return [str(s.get("src") or s) for s in BeautifulSoup(text, "html.parser").find_all("script")]


def test_what_no_page_needs_is_left_out() -> None:
    assert scripts(mended(HEAD)) == ["../_static/doctools.js?v=9"]
    assert "sphinx-thebe" not in mended(HEAD)


def test_the_page_of_results_keeps_its_search() -> None:
    kept = scripts(mended(HEAD, searches=True))
    assert kept[1:] == [
        "../_static/searchtools.js",
        "../_static/language_data.js",
        "../searchindex.js",
    ]


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        (
            '<div class="proof admonition" id="proof"><section id="proof-content">',
            '<div class="proof admonition"><section>',
        ),
        ('<section class="a" id="solution-content">', '<section class="a">'),
        ('<section id="exercises">', '<section id="exercises">'),
        ('<div class="theorem" id="thm-of">', '<div class="theorem" id="thm-of">'),
        ('<div role="list" class="citation-list">', '<div class="citation-list">'),
        (
            '<div class="citation" id="id9" role="doc-biblioentry">',
            '<div class="citation" id="id9">',
        ),
        ('<summary aria-label="Toggle hidden content">', "<summary>"),
    ],
)
def test_names_are_given_once_and_roles_to_what_has_them(wrong: str, right: str) -> None:
    assert mended(wrong) == right


def test_mending_twice_changes_nothing(tmp_path: Path) -> None:
    page = tmp_path / "search.html"
    page.write_text(HEAD, encoding="utf-8")
    mend(tmp_path)
    once = page.read_text(encoding="utf-8")
    mend(tmp_path)
    assert page.read_text(encoding="utf-8") == once != HEAD
