"""Every page as it loads: whole, quiet, sufficient to itself, and fit for all readers."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin

import pytest
from playwright.sync_api import Page

from ncbook.press.book import Book
from tests.browser.conftest import PHONE, Visit, Visitor

pytestmark = pytest.mark.slow

BOOK = Book(Path(__file__).parents[2])
PAGES = [f"{page}.html" for page in BOOK.pages]
LARGEST = 3_000_000  # bytes of a page
FIRST_PAINT = 1.5  # seconds, from a server on the same machine
HEADINGS = """[...document.querySelectorAll('h1,h2,h3,h4,h5,h6')]
    .filter(h => h.offsetParent).map(h => +h.tagName[1])"""
DOUBLED = """[...document.querySelectorAll('[id]')].map(e => e.id)
    .filter((id, n, all) => all.indexOf(id) < n)"""
UNNAMED = """[...document.querySelectorAll('article img, article svg[role=img]')]
    .filter(e => !(e.getAttribute('alt') || e.getAttribute('aria-label') || '').trim()).length"""
LINKS = "[...document.querySelectorAll('a[href]')].map(a => a.getAttribute('href'))"
IDS = "[...document.querySelectorAll('[id]')].map(e => e.id)"
WIDTH = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
PAINTED = "performance.getEntriesByName('first-contentful-paint')[0].startTime / 1000"
SIZES = "performance.getEntriesByType('resource').map(e => e.encodedBodySize)"
# Two frames on, the page has heard of its new width.
SETTLED = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
# What is inside a picture counts for nothing: it is one image, with its description. Left in, the
# thousands of lines of a chapter's pictures would take minutes.
EMPTY = "document.querySelectorAll('svg[role=img]').forEach(picture => picture.replaceChildren())"
# Colours go over into one another when the theme changes: what counts is where they end.
STILL = "() => Promise.allSettled(document.getAnimations().map(motion => motion.finished))"
AXE = """async (rules) => (await axe.run(document, {resultTypes: ['violations'], ...rules}))
    .violations
    .filter(v => ['serious', 'critical'].includes(v.impact))
    .flatMap(v => v.nodes.map(n => `${v.id}: ${n.target.join(' ')} (${n.failureSummary})`))"""
# All rules where it is light; where it is dark, those that ask for colours.
RULES = {"light": {}, "dark": {"runOnly": ["color-contrast", "link-in-text-block"]}}


@pytest.fixture(scope="module", params=PAGES)
def visit(request: pytest.FixtureRequest, visitor: Visitor) -> Iterator[Visit]:
    opened = visitor.open(request.param)
    yield opened
    opened.page.close()


def test_it_loads_without_the_network_and_without_complaint(visit: Visit) -> None:
    assert visit.page.title()
    assert visit.outside == []
    assert visit.problems == []


def test_its_equations_are_set(visit: Visit) -> None:
    assert visit.page.locator("article mjx-merror").count() == 0
    asked = visit.page.locator("article .math").count()
    assert visit.page.locator("article mjx-container").count() >= asked


def test_its_pictures_are_described_and_its_headings_in_order(visit: Visit) -> None:
    assert visit.page.evaluate(UNNAMED) == 0
    levels = visit.page.evaluate(HEADINGS)
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert visit.page.evaluate(DOUBLED) == []


def test_its_size(visit: Visit) -> None:
    page = len(visit.page.request.get(visit.page.url).body())
    everything = page + sum(visit.page.evaluate(SIZES))
    print(f"{visit.page.url}: {page:,} bytes, {everything:,} with all that it loads")
    assert page <= LARGEST


def test_it_fits_a_phone(visit: Visit) -> None:
    before = visit.page.viewport_size
    visit.page.set_viewport_size(PHONE)
    visit.page.evaluate(SETTLED)
    wide, room = visit.page.evaluate(WIDTH)
    visit.page.set_viewport_size(before)
    visit.page.evaluate(SETTLED)
    assert wide <= room


def test_nothing_in_it_is_in_the_way_of_anybody(visit: Visit, axe: str) -> None:
    """Last of the tests on a page, because it empties the pictures."""
    visit.page.evaluate(EMPTY)
    visit.page.evaluate(axe)
    for scheme, rules in RULES.items():
        visit.page.evaluate(f"document.documentElement.dataset.theme = '{scheme}'")
        visit.page.evaluate(SETTLED)
        visit.page.evaluate(STILL)
        assert visit.page.evaluate(AXE, rules) == [], scheme


def test_every_link_within_the_book_leads_somewhere(visitor: Visitor) -> None:
    """All pages at once: an anchor is looked up on the page that it names."""
    anchors: dict[str, set[str]] = {}
    asked: list[tuple[str, str, str]] = []
    page = visitor.browser.new_page()
    for path in PAGES:
        page.goto(visitor.site + path, wait_until="domcontentloaded")
        anchors[page.url] = set(page.evaluate(IDS))
        for href in page.evaluate(LINKS):
            target, anchor = urldefrag(urljoin(page.url, href))
            if target.startswith(visitor.site):
                asked.append((path, target, unquote(anchor)))
    missing = {
        target for _, target, _ in asked if target not in anchors and not _exists(page, target)
    }
    lost = [
        (path, target, anchor)
        for path, target, anchor in asked
        if target in missing or (anchor and target in anchors and anchor not in anchors[target])
    ]
    page.close()
    assert lost == []


def _exists(page: Page, address: str) -> bool:
    return page.request.get(address).ok


@pytest.mark.parametrize("page", ["book/01-what-collapses.html", "book/09-margin-bound.html"])
def test_a_chapter_is_seen_at_once(visitor: Visitor, page: str) -> None:
    times = []
    for _ in range(3):
        visit = visitor.open(page)
        times.append(visit.page.evaluate(PAINTED))
        visit.page.close()
    assert sorted(times)[1] < FIRST_PAINT
