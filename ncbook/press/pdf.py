"""Chapters as PDF files: printed by a headless Chromium as the style sheet for print has them."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from ncbook.errors import NcbookError
from ncbook.press.book import Book
from ncbook.press.server import serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

# As systems name it; Playwright's own is the last resort.
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "msedge")
# Of an A4 page between its margins, at 96 pixels an inch.
_WIDTH, _HEIGHT = 658, 971
# Gives what is wrong with the equations, or nothing. A quiz sets its own, a moment after the page.
_SET_EQUATIONS = r"""async () => {
    if (!document.querySelector("article .math")) return "";
    if (!window.MathJax?.startup?.promise) return "MathJax could not be loaded";
    await MathJax.startup.promise;
    const raw = (quiz) => quiz.textContent.includes("\\(");
    for (let tries = 0; tries < 100; tries += 1) {
        if (![...document.querySelectorAll("article .Quiz")].some(raw)) break;
        await new Promise((done) => setTimeout(done, 100));
    }
    return document.querySelector("article mjx-merror") ? "MathJax refuses one" : "";
}"""
# Paper doesn't scroll: what is wider than the page gets smaller letters, once all is open.
_LAY_OUT = """async () => {
    window.dispatchEvent(new Event("beforeprint"));
    await document.fonts.ready;
    for (const part of document.querySelectorAll("article mjx-math, article table")) {
        const box = part.closest("mjx-container") ?? part;
        const whole = part.getBoundingClientRect().width;
        const around = box.parentElement.closest("p, li, td, dd, div");
        const { paddingLeft, paddingRight, width } = getComputedStyle(around);
        const room = parseFloat(width) - parseFloat(paddingLeft) - parseFloat(paddingRight);
        if (whole <= room) continue;
        const size = parseFloat(getComputedStyle(box).fontSize);
        box.style.setProperty("font-size", `${size * 0.98 * room / whole}px`, "important");
    }
}"""


def print_chapters(book: Book, names: list[str] | None) -> list[Path]:
    """Print chapters of the built site, a file each; returns the files.

    Args:
        book: whose site.
        names: chapters by the beginnings of their names; None means all.

    Raises:
        NcbookError: if there is no site, no Playwright or no browser, a name fits no chapter, or a
            page can't be printed with its equations.
    """
    chapters = book.find(names)
    absent = [name for name in chapters if not (book.html / "book" / f"{name}.html").is_file()]
    if absent:
        raise NcbookError(
            f"There is no page to print of {', '.join(absent)}", "Run `ncbook build` first"
        )
    folder = book.made / "pdf"
    folder.mkdir(exist_ok=True)
    with serving(book.html) as address, _chromium() as browser:
        page = browser.new_page(viewport={"width": _WIDTH, "height": _HEIGHT}, color_scheme="light")
        page.emulate_media(media="print")
        return [_print(page, f"{address}book/{name}.html", folder) for name in chapters]


def _print(page: "Page", address: str, folder: Path) -> Path:
    from playwright.sync_api import Error

    target = folder / f"{Path(address).stem}.pdf"
    with Console(stderr=True, highlight=False).status(f"Printing {target.stem}"):
        try:
            page.goto(address)
            fault = page.evaluate(_SET_EQUATIONS)
            if not fault:
                page.evaluate(_LAY_OUT)
                data = page.pdf(
                    prefer_css_page_size=True, print_background=True, tagged=True, outline=True
                )
        except Error as error:
            fault = error.message.splitlines()[0]
    if fault:
        raise NcbookError(
            f"{target.stem} can't be printed: {fault}", "Look at the page with `ncbook serve`"
        )
    target.write_bytes(data)
    return target


@contextmanager
def _chromium() -> Iterator["Browser"]:
    """A headless Chromium, closed at the end of the block."""
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError as error:
        raise NcbookError(
            "Printing needs the package playwright, which isn't installed",
            'pip install -e ".[browser]", in the folder of the book',
        ) from error
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
        try:
            browser = playwright.chromium.launch(executable_path=find_browser() or own)
        except Error as error:
            raise NcbookError(
                f"No browser can be started: {error.message.splitlines()[0]}",
                "Install Chromium (Debian: apt-get install chromium; elsewhere: playwright install "
                "chromium)",
            ) from error
        try:
            yield browser
        finally:
            browser.close()


def find_browser() -> str | None:
    """The program of an installed Chromium or a relative of it, or None."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)
