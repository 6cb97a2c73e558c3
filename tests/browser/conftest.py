"""The built book in a browser, with the network cut."""

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, Error, Page, Route, sync_playwright

from ncbook.press.assets import fetched
from ncbook.press.book import Book
from ncbook.press.pdf import find_browser
from ncbook.press.server import serving
from ncbook.press.site import build

AXE = "axe-core@4.14.1"
AXE_SHA256 = "e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745"
DESKTOP, PHONE = {"width": 1350, "height": 900}, {"width": 390, "height": 844}
READY = "async () => { await window.MathJax?.startup?.promise; await document.fonts.ready; }"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        try:
            started = playwright.chromium.launch(
                executable_path=find_browser() or playwright.chromium.executable_path
            )
        except Error as error:
            pytest.skip(f"no browser can be started here: {error.message.splitlines()[0]}")
        yield started
        started.close()


@pytest.fixture(scope="session")
def site(laptop_book: Book) -> Iterator[str]:
    """The address of the built book, its chapters executed in the laptop profile."""
    build(laptop_book, "laptop")
    with serving(laptop_book.html) as address:
        yield address


@pytest.fixture(scope="session")
def axe() -> str:
    """The script that finds barriers on a page."""
    with tarfile.open(fetched(AXE, AXE_SHA256)) as archive:
        member = archive.extractfile("package/axe.min.js")
        assert member is not None
        return member.read().decode("utf-8")


@dataclass
class Visit:
    """A page that is open, and what went wrong on it.

    Attributes:
        page: Playwright's.
        problems: what its console and its scripts complained of.
        outside: what it asked other hosts for; nothing gets through.
    """

    page: Page
    problems: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)


class Visitor:
    """Opens pages of a site."""

    def __init__(self, browser: Browser, site: str) -> None:
        self.browser, self.site = browser, site

    def open(self, path: str, **settings: object) -> Visit:
        """Open a page by its path in a tab of its own and wait until it is whole."""
        page = self.browser.new_page(**({"viewport": DESKTOP} | settings))  # type: ignore[arg-type]
        visit = Visit(page)
        page.on("console", lambda said: self._note(visit, said.type, said.text))
        page.on("pageerror", lambda error: visit.problems.append(str(error)))
        page.route("**/*", lambda route: self._pass(visit, route))
        page.goto(self.site + path)
        page.evaluate(READY)
        return visit

    def _pass(self, visit: Visit, route: Route) -> None:
        if route.request.url.startswith((self.site, "data:", "blob:")):
            route.continue_()
        else:
            visit.outside.append(route.request.url)
            route.abort()

    @staticmethod
    def _note(visit: Visit, kind: str, text: str) -> None:
        if kind == "error":
            visit.problems.append(text)


@pytest.fixture(scope="session")
def visitor(browser: Browser, site: str) -> Visitor:
    return Visitor(browser, site)
