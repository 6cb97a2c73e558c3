"""A chapter in a real JupyterLab: opened, run whole, and its widgets driven."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from ncbook.press import notebooks
from tests.conftest import ROOT

pytestmark = pytest.mark.slow

CHAPTER = "01-what-collapses"
SECONDS = 120  # for the whole chapter in the smoke profile


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server whose folder holds the chapter, in the smoke profile."""
    folder = tmp_path_factory.mktemp("lab")
    notebook = notebooks.load_source(ROOT / "book" / f"{CHAPTER}.ipynb")
    parameters = next(c for c in notebook.cells if "parameters" in notebooks.tags(c))
    parameters.source = parameters.source.replace('"laptop"', '"smoke"')
    notebooks.save(notebook, folder / f"{CHAPTER}.ipynb")
    address = f"http://127.0.0.1:{(port := free_port())}/"
    settings = {"port": port, "root_dir": folder, "allow_root": True, "open_browser": False}
    options = [f"--ServerApp.{name}={value}" for name, value in settings.items()]
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", "--IdentityProvider.token=", *options],
        env=os.environ | {"PYTHONPATH": str(ROOT), "JUPYTER_CONFIG_DIR": str(folder / "config")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(address)
        yield address
    finally:
        server.terminate()
        server.wait()


def wait_for(address: str) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            if requests.get(f"{address}api", timeout=2).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.5)
    pytest.fail("JupyterLab didn't start within a minute")


@pytest.fixture(scope="module")
def page(lab: str, browser: Browser) -> Iterator[Page]:
    """The chapter, run from its first cell to its last."""
    # So tall that no cell is out of sight: Lab draws only what can be seen.
    opened = browser.new_page(viewport={"width": 1200, "height": 20_000})
    opened.goto(f"{lab}lab/tree/{CHAPTER}.ipynb")
    opened.locator(".jp-Notebook").wait_for(timeout=60_000)
    # Asked to run before its kernel is there, Lab may forget it.
    opened.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for(timeout=60_000)
    opened.get_by_role("menuitem", name="Run", exact=True).click()
    opened.get_by_text("Run All Cells", exact=True).click()
    opened.locator(".Quiz").first.wait_for(timeout=1000 * SECONDS)
    yield opened
    opened.close()


def test_the_chapter_runs_and_shows_its_figures(page: Page) -> None:
    assert page.locator(".jp-RenderedText[data-mime-type*=error]").count() == 0
    assert page.locator("figure.ncbook-figure svg").count() >= 5


def test_an_exercise_answers_back(page: Page) -> None:
    page.get_by_placeholder(re.compile("a formula in k, l, sigma")).fill("sigma**2/l**2")
    page.get_by_role("button", name="Check").first.click()
    said = page.locator(".ncbook-said").first
    expect(said).to_contain_text("Not yet.")
    page.get_by_placeholder(re.compile("a formula in")).fill("(k-1)**2/k * sigma**2/l**2")
    page.get_by_role("button", name="Check").first.click()
    expect(said).to_contain_text("Right.")


def test_a_demo_takes_any_value(page: Page) -> None:
    panel = page.locator(".widget-vbox", has_text="Try any value").last
    before = panel.locator("svg").get_attribute("aria-label")
    slider = panel.get_by_role("slider").first
    at_least = slider.get_attribute("aria-valuenow") == slider.get_attribute("aria-valuemin")
    slider.press("End" if at_least else "Home")
    expect(panel.locator("svg")).not_to_have_attribute("aria-label", before or "")


def test_a_quiz_marks_itself(page: Page) -> None:
    quiz = page.locator(".Quiz").first
    quiz.locator(".MCButton[data-correct=true]").click()
    expect(quiz.locator(".Feedback")).to_have_class(re.compile("correct"))
