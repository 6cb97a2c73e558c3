"""Frames moved by hand: one is seen, all are there, and the last is kept."""

from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup
from matplotlib.figure import Figure

from ncbook.errors import NcbookError
from ncbook.press import artifacts, figures, new_figure, scrubber
from ncbook.press.markup import Markup

ALT = "A line that rises, steeper from frame to frame."
DATA = {"slope": [1, 2, 3]}


def frames(count: int = 3) -> dict[int, Figure]:
    made = {}
    for slope in range(1, count + 1):
        made[10 * slope], ax = new_figure()
        ax.plot([0, 1], [0, slope])
        ax.set(ylim=(0, count))
    return made


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[Markup]:
    outputs: list[Markup] = []
    monkeypatch.setattr(figures, "display", outputs.append)
    return outputs


def show(**changes: Any) -> None:
    settings = {"unit": "epoch", "name": "slopes", "caption": "It rises.", "alt": ALT, "data": DATA}
    scrubber(**({"frames": frames()} | settings | changes))


def test_each_button_shows_its_frame_and_the_last_is_chosen(shown: list[Markup]) -> None:
    show()
    page = BeautifulSoup(shown[0]._repr_html_(), "html.parser")
    buttons = page.select("#fig-slopes fieldset input[type=radio]")
    assert [button.parent.get_text() for button in buttons] == ["10", "20", "30"]
    assert {button["name"] for button in buttons} == {"slopes-at"}
    assert [button.has_attr("checked") for button in buttons] == [False, False, True]
    style = page.style.get_text()
    for place in range(3):
        assert page.select_one(f"#slopes-frame-{place} svg[role=img]")
        rule = f"#fig-slopes:has(#slopes-at-{place}:checked) #slopes-frame-{place}{{display:block}}"
        assert rule in style
    ids = [tag["id"] for tag in page.select("[id]")]
    assert len(ids) == len(set(ids))


def test_every_frame_is_described(shown: list[Markup]) -> None:
    show()
    page = BeautifulSoup(shown[0]._repr_html_(), "html.parser")
    texts = [svg["aria-label"] for svg in page.select("svg")]
    assert texts == [f"epoch {label}: {ALT}" for label in (10, 20, 30)]
    assert repr(shown[0]) == ALT


def test_in_the_book_the_last_frame_and_the_data_are_kept(
    shown: list[Markup], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artifacts, "folder", lambda: tmp_path)
    monkeypatch.setattr(artifacts, "chapter", lambda: "04-x")
    monkeypatch.setattr(artifacts, "record", lambda *_: 2)
    monkeypatch.setattr(figures, "paste", lambda *_: None)
    show()
    assert "epoch 30" in (tmp_path / "figures" / "slopes.svg").read_text(encoding="utf-8")
    assert (tmp_path / "figures" / "slopes.csv").is_file()
    assert "Figure 4.2" in shown[0]._repr_html_()


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"frames": frames(1)}, "1 frame"),
        ({"alt": "A line."}, "alt text"),
        ({"data": {}}, "no data"),
    ],
)
def test_what_is_missing_is_named(
    changes: dict[str, Any], problem: str, shown: list[Markup]
) -> None:
    with pytest.raises(NcbookError, match=problem):
        show(**changes)
    assert not shown
