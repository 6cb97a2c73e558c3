"""Demos: one picture is seen, all are there, each says in words what it shows."""

from pathlib import Path
from typing import Any

import ipywidgets as widgets
import pytest
from bs4 import BeautifulSoup
from matplotlib.figure import Figure

from ncbook.errors import NcbookError
from ncbook.press import artifacts, demo, demos, figures, new_figure
from ncbook.press.markup import Markup
from ncbook.press.panel import panel

ALT = "A line that rises, steeper with its slope."
GRID: dict[str, Any] = {"slope": [1, 2, 3], "dashed": [False, True]}


def draw(slope: float, dashed: bool) -> tuple[Figure, str]:
    fig, ax = new_figure()
    ax.plot([0, 1], [0, slope], "--" if dashed else "-")
    ax.set(ylim=(0, 3))
    return fig, f"The line's end-point is at -{slope:g}."


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Markup]:
    """What a chapter that is executed for the book displays."""
    outputs: list[Markup] = []
    monkeypatch.setattr(figures, "display", outputs.append)
    monkeypatch.setattr(figures, "paste", lambda *_: None)
    monkeypatch.setattr(artifacts, "folder", lambda: tmp_path)
    monkeypatch.setattr(artifacts, "chapter", lambda: "04-x")
    return outputs


def show(**changes: Any) -> None:
    demo(**({"draw": draw, "name": "lines", "caption": "It rises.", "alt": ALT} | GRID | changes))


def page(shown: list[Markup]) -> BeautifulSoup:
    return BeautifulSoup(shown[0]._repr_html_(), "html.parser")


def test_each_parameter_has_a_row_of_buttons(shown: list[Markup]) -> None:
    show(start={"slope": 2})
    rows = page(shown).select("#fig-lines fieldset[role=radiogroup]")
    texts = [[label.get_text() for label in row.select("label")] for row in rows]
    assert texts == [["1", "2", "3"], ["no", "yes"]]
    checked = [[box.has_attr("checked") for box in row.select("input")] for row in rows]
    assert checked == [[False, True, False], [True, False]]
    ids = [tag["id"] for tag in page(shown).select("[id]")]
    assert len(ids) == len(set(ids))
    for row in rows:
        assert page(shown).select_one(f"#{row['aria-labelledby']}")


def test_a_picture_is_hidden_by_every_button_that_is_not_its_own(shown: list[Markup]) -> None:
    show()
    frames = page(shown).select(".demo-frame")
    assert len(frames) == 6
    rules, _ = page(shown).style.get_text().split("{display:none}", 1)
    for slope in range(3):
        for dashed in range(2):
            chosen = {("slope", slope), ("dashed", dashed)}
            seen = [
                frame
                for frame in frames
                if all(f"at-{key}-{place}" in frame["class"] for key, place in chosen)
            ]
            assert len(seen) == 1
    for key, count in (("slope", 3), ("dashed", 2)):
        for place in range(count):
            rule = (
                f"#fig-lines:has(#lines-{key}-{place}:checked) .demo-frame:not(.at-{key}-{place})"
            )
            assert rule in rules.split(",")


def test_every_picture_says_what_it_shows(shown: list[Markup]) -> None:
    show()
    frames = page(shown).select(".demo-frame")
    assert [frame.p.get_text() for frame in frames[::2]] == [
        "The line's end-point is at −1.",
        "The line's end-point is at −2.",
        "The line's end-point is at −3.",
    ]
    assert frames[2].svg["aria-label"] == f"{ALT} The line's end-point is at -2."


def test_the_book_keeps_the_picture_at_first_and_the_grid(
    shown: list[Markup], tmp_path: Path
) -> None:
    show(start={"slope": 3})
    assert "The line's end-point is at -3." in (tmp_path / "figures" / "lines.svg").read_text(
        encoding="utf-8"
    )
    table = (tmp_path / "figures" / "lines.csv").read_text(encoding="utf-8").splitlines()
    assert table[0] == "slope,dashed,says"
    assert table[1] == "1,no,The line's end-point is at -1."
    assert len(table) == 7
    assert "Figure 4.1" in shown[0]._repr_html_()


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"slope": [1], "dashed": [True]}, "1 picture"),
        ({"start": {"slope": 7}}, "starts off its grid"),
        ({"alt": "A line."}, "alt text"),
        ({"name": "two words"}, "name"),
    ],
)
def test_what_is_missing_is_named(
    shown: list[Markup], changes: dict[str, Any], problem: str
) -> None:
    with pytest.raises(NcbookError, match=problem):
        show(**changes)


def test_pictures_too_heavy_for_a_page_are_refused(
    shown: list[Markup], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demos, "LARGEST", 10_000)
    with pytest.raises(NcbookError, match="6 pictures together"):
        show()


def test_with_a_kernel_a_panel_takes_any_value(monkeypatch: pytest.MonkeyPatch) -> None:
    outputs: list[Any] = []
    monkeypatch.setattr(figures, "display", outputs.append)
    monkeypatch.setattr(demos, "display", outputs.append)
    show()
    assert isinstance(outputs[0], Markup)
    assert isinstance(outputs[1], widgets.VBox)


def test_the_panel_draws_anew_when_a_control_moves() -> None:
    drawn: list[tuple[float, bool]] = []

    def watched(slope: float, dashed: bool) -> tuple[Figure, str]:
        drawn.append((slope, dashed))
        return draw(slope, dashed)

    box = panel(
        watched, {"slope": [1.0, 3.0], "dashed": [False, True]}, {"slope": 1.0, "dashed": False}
    )
    slider, toggle = box.children[1:3]
    slider.value = 2.2
    toggle.value = True
    assert drawn == [(1.0, False), (2.2, False), (2.2, True)]


def test_a_wide_range_is_gone_through_in_its_logarithm() -> None:
    def drawn(beta: float) -> tuple[Figure, str]:
        return draw(beta, False)

    slider = panel(drawn, {"beta": [1.0, 10.0, 100.0]}, {"beta": 10.0}).children[1]
    assert isinstance(slider, widgets.FloatLogSlider)
    assert slider.value == pytest.approx(10.0)
    assert (slider.base**slider.min, slider.base**slider.max) == pytest.approx((1.0, 100.0))
