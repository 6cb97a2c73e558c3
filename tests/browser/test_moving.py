"""What answers to a reader: demos, quizzes, folded parts, the theme, search, the keyboard."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from ncbook.press.book import Book
from ncbook.press.exercises import exercises, questions
from tests.browser.conftest import PHONE, Visit, Visitor

pytestmark = pytest.mark.slow

CHAPTERS = Book(Path(__file__).parents[2]).chapters
DEMOS = 8  # at least, over the whole book
FIRST = "book/01-what-collapses.html"


@pytest.fixture(scope="module", params=CHAPTERS)
def visit(request: pytest.FixtureRequest, visitor: Visitor) -> Iterator[Visit]:
    opened = visitor.open(f"book/{request.param}.html")
    yield opened
    assert opened.problems == []
    opened.page.close()


@pytest.fixture
def page(visitor: Visitor) -> Iterator[Page]:
    opened = visitor.open(FIRST)
    yield opened.page
    assert opened.problems == []
    opened.page.close()


def number(visit: Visit) -> str:
    """The chapter's, two digits."""
    found = re.search(r"/(\d\d)-", visit.page.url)
    assert found
    return found[1]


def seen(demo: Locator) -> bytes:
    """The one picture of a demo that can be seen, as it is seen."""
    shown = demo.locator(".demo-frame:visible")
    assert shown.count() == 1
    return shown.locator("svg").screenshot(animations="disabled")


def test_every_demo_is_moved_by_mouse_and_by_key(visit: Visit) -> None:
    for demo in visit.page.locator("figure.ncbook-figure:has(.demo-frame)").all():
        for group in demo.locator("fieldset").all():
            start = seen(demo)
            buttons = group.locator("input")
            chosen = group.locator("input:checked")
            other = 0 if chosen.get_attribute("id") != buttons.first.get_attribute("id") else 1
            buttons.nth(other).click()
            moved = seen(demo)
            assert moved != start
            visit.page.keyboard.press("ArrowRight" if other == 0 else "ArrowLeft")
            assert seen(demo) != moved
            expect(demo.locator(".demo-frame:visible .demo-says")).not_to_be_empty()


def test_the_book_has_its_demos(visitor: Visitor) -> None:
    count = 0
    for chapter in CHAPTERS:
        text = visitor.open(f"book/{chapter}.html").page
        count += text.locator("figure:has(.demo-frame)").count()
        text.close()
    assert count >= DEMOS


def test_what_can_be_turned_is_turned_by_dragging_and_by_key(visitor: Visitor) -> None:
    opened = visitor.open("book/05-unconstrained-features.html")
    table = opened.page.locator(".ncbook-turntable svg")
    start = table.inner_html()
    table.focus()
    opened.page.keyboard.press("ArrowRight")
    turned = table.inner_html()
    assert turned != start
    table.scroll_into_view_if_needed()
    box = table.bounding_box()
    assert box
    opened.page.mouse.move(box["x"] + 100, box["y"] + 100)
    opened.page.mouse.down()
    opened.page.mouse.move(box["x"] + 160, box["y"] + 130, steps=4)
    opened.page.mouse.up()
    assert table.inner_html() != turned
    assert opened.problems == []
    opened.page.close()


def test_a_quiz_marks_right_and_wrong_answers_in_their_own_words(visit: Visit) -> None:
    asked = questions(number(visit))
    quiz = visit.page.locator(".Quiz")
    assert quiz.count() == len(asked)
    for place, question in enumerate(asked):
        box = quiz.nth(place)
        choices = box.locator(".MCButton")
        assert choices.count() == len(question.right) + len(question.wrong)
        feedback: dict[str, str] = {}
        for kind, mark in (("true", "correct"), ("false", "incorrect")):
            for choice in box.locator(f".MCButton[data-correct={kind}]").all():
                choice.click()
                expect(box.locator(".Feedback")).to_have_class(re.compile(rf"\b{mark}\b"))
                feedback[choice.get_attribute("id") or ""] = box.locator(".Feedback").inner_text()
        assert len(set(feedback.values())) == choices.count()


def test_a_quiz_is_answered_with_the_keyboard(page: Page) -> None:
    box = page.locator(".Quiz").first
    box.locator("input").first.focus()
    page.keyboard.press("ArrowDown")
    expect(box.locator(".Feedback")).not_to_be_empty()
    assert box.locator(".Feedback").get_attribute("role") == "status"


def test_hints_and_solutions_unfold_with_the_keyboard(visit: Visit) -> None:
    count = len(exercises(number(visit)))
    assert visit.page.locator("div.exercise").count() == count
    solutions = visit.page.locator("details.ncbook-solution")
    assert solutions.count() == count
    solution = solutions.first
    assert solution.get_attribute("open") is None
    solution.locator("summary").focus()
    visit.page.keyboard.press("Enter")
    expect(solution.locator("pre").first).to_be_visible()


def test_an_exercise_stays_ticked(visitor: Visitor) -> None:
    context = visitor.browser.new_context()
    page = context.new_page()
    page.goto(visitor.site + FIRST)
    page.locator(".ncbook-done input").first.check()
    expect(page.locator(".ncbook-progress").first).to_have_text(re.compile(r"1 of \d+ done"))
    page.reload()
    expect(page.locator(".ncbook-done input").first).to_be_checked()
    page.goto(visitor.site + "book/intro.html")
    expect(page.locator(".ncbook-progress[data-chapter='01']")).to_have_text("1 done")
    context.close()


def test_figures_follow_the_theme(page: Page) -> None:
    text = page.locator("figure.ncbook-figure svg text").first
    colour = "e => getComputedStyle(e).fill"
    ink = "getComputedStyle(document.body).color"
    seen_colours = []
    for _ in range(3):  # the button goes through light, dark and the system's own
        page.locator("button.theme-switch-button:visible").first.click()
        seen_colours.append(text.evaluate(colour))
        assert seen_colours[-1] == page.evaluate(ink)
    assert len(set(seen_colours)) == 2


def test_previous_and_next_lead_through_the_book(page: Page) -> None:
    page.locator("a.right-next").click()
    expect(page).to_have_url(re.compile("02-information-bottleneck"))
    page.locator("a.left-prev").click()
    expect(page).to_have_url(re.compile("01-what-collapses"))


def test_search_finds_the_orthogonal_frame(visitor: Visitor) -> None:
    opened = visitor.open("search.html?q=orthogonal+frame")
    results = opened.page.locator("#search-results li a")
    # Results are added to the page one by one, so that of chapter 5 or 6 has to be waited for.
    expect(results.filter(has_text="orthogonal frame").first).to_be_visible()
    assert opened.problems == []
    opened.page.close()


def test_every_control_is_reached_with_the_tab_key(page: Page) -> None:
    """From the first demo on to the quiz: folded claims, buttons, links, choices."""
    wanted = {"summary", "input", "a"}
    reached = set()
    page.locator("article a").first.focus()
    for _ in range(150):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.tagName.toLowerCase()"))
    assert wanted <= reached
    stuck = (
        "[...document.querySelectorAll('article [tabindex]')].filter(e => e.tabIndex > 0).length"
    )
    assert page.evaluate(stuck) == 0


def test_who_wants_no_motion_gets_none(visitor: Visitor) -> None:
    opened = visitor.open(FIRST, reduced_motion="reduce")
    moving = """[...document.querySelectorAll('article *')].filter(e => {
        const style = getComputedStyle(e);
        const last = (s) => Math.max(...s.split(',').map(parseFloat));
        return last(style.animationDuration) > 0.01 || last(style.transitionDuration) > 0.01;
    }).map(e => e.className)"""
    opened.page.locator(".Quiz .MCButton").first.click()
    assert opened.page.evaluate(moving) == []
    opened.page.close()


def test_a_demo_fits_a_phone_and_moves_there(visitor: Visitor) -> None:
    opened = visitor.open(FIRST, viewport=PHONE, has_touch=True)
    demo = opened.page.locator("figure:has(.demo-frame)").first
    start = seen(demo)
    demo.locator("label:not(:has(:checked))").first.tap()
    assert seen(demo) != start
    box = demo.bounding_box()
    assert box
    assert box["width"] <= PHONE["width"]
    opened.page.close()
