"""Points that are turned: the still, the page's own script, and the projection both agree on."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bs4 import BeautifulSoup

from ncbook.errors import NcbookError
from ncbook.geometry import orthogonal_frame
from ncbook.press import artifacts, figures, space, turntable
from ncbook.press.markup import Markup

ALT = "Three spokes of equal length at right angles."


def show(**changes: Any) -> None:
    settings: dict[str, Any] = {
        "points": orthogonal_frame(3, 3),
        "labels": ["cat", "dog", "</script>"],
    }
    words = {"name": "frame", "caption": "A frame.", "alt": ALT}
    turntable(**(settings | words | changes))


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    outputs: list[Any] = []
    monkeypatch.setattr(figures, "display", outputs.append)
    monkeypatch.setattr(space, "display", outputs.append)
    return outputs


def test_in_the_book_a_still_and_the_script_beside_it(
    shown: list[Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(artifacts, "folder", lambda: tmp_path)
    monkeypatch.setattr(artifacts, "chapter", lambda: "05-x")
    monkeypatch.setattr(figures, "paste", lambda *_: None)
    show()
    page = BeautifulSoup(shown[0]._repr_html_(), "html.parser")
    assert page.select_one("#frame-table svg[role=img]")["aria-label"] == ALT
    script = page.select_one("script[type=module]").get_text()
    state = json.loads(re.search(r"const state = (.*);", script)[1])
    assert state["points"] == orthogonal_frame(3, 3).tolist()
    assert state["labels"][2] == "</script>"
    assert "label,x,y,z" in (tmp_path / "figures" / "frame.csv").read_text(encoding="utf-8")


def test_with_a_kernel_an_anywidget_of_the_same_script(shown: list[Any]) -> None:
    show()
    widget, caption = shown
    assert widget.points == orthogonal_frame(3, 3).tolist()
    assert str(widget._esm) == space.SCRIPT.read_text(encoding="utf-8")
    assert isinstance(caption, Markup)


@pytest.mark.parametrize(
    "changes",
    [{"points": np.eye(2)}, {"labels": ["a"]}, {"points": np.eye(7, 3), "labels": "abcdefg"}],
)
def test_what_cannot_be_turned_is_refused(shown: list[Any], changes: dict[str, Any]) -> None:
    with pytest.raises(NcbookError, match="points in space"):
        show(**changes)


@pytest.mark.skipif(shutil.which("node") is None, reason="node, which runs the script, is missing")
def test_script_and_python_project_alike(tmp_path: Path) -> None:
    module = tmp_path / "space.mjs"
    shutil.copy(space.SCRIPT, module)
    chance = np.random.default_rng(0)
    cases = [(chance.standard_normal(3), *chance.uniform(-2, 2, 2)) for _ in range(20)]
    asked = json.dumps([[list(point), turn, tilt] for point, turn, tilt in cases])
    code = (
        f"import {{ project }} from {json.dumps(module.as_uri())};"
        f"console.log(JSON.stringify({asked}.map(([p, a, b]) => project(p, a, b))));"
    )
    command = ["node", "--input-type=module", "--eval", code]
    found = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
    assert np.allclose(found, [space.project(*case) for case in cases])
    assert np.allclose(np.linalg.norm(found, axis=1), [np.linalg.norm(p) for p, _, _ in cases])
