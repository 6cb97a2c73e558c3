"""Figures: described, scalable, themable, repeatable, with their data beside them."""

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from scipy import stats

from ncbook import journal
from ncbook.errors import NcbookError
from ncbook.press import artifacts, band, figure, figures, gram, new_figure
from ncbook.press.markup import Markup
from ncbook.press.style import INK
from ncbook.press.svg import to_svg

ALT = "A straight line that rises from one at the left to two at the right."
DATA = {"x": [0, 1], "y": [1.0, 2.0]}


def drawn() -> Figure:
    fig, (left, right) = new_figure(1, 2)
    left.plot([0, 1], [1, 2], label="$\\Delta$")
    left.legend()
    gram(right, np.eye(3))
    right.set_title("Gram")
    return fig


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[Markup]:
    """What the cell displays."""
    outputs: list[Markup] = []
    monkeypatch.setattr(figures, "display", outputs.append)
    return outputs


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"alt": ""}, "alt text of fewer than 30"),
        ({"alt": " " * 40}, "alt text of fewer than 30"),
        ({"alt": "A rising line."}, "alt text of fewer than 30"),
        ({"alt": ALT, "caption": f"{ALT} "}, "its caption for an alt text"),
        ({"data": {}}, "no data"),
        ({"name": "a b"}, "other characters"),
        ({"name": "a/b"}, "other characters"),
        ({"name": ""}, "other characters"),
    ],
)
def test_a_figure_without_what_it_needs_fails(
    changes: dict[str, Any], problem: str, shown: list[Markup]
) -> None:
    settings: dict[str, Any] = {"name": "count", "caption": "It rises.", "alt": ALT, "data": DATA}
    with pytest.raises(NcbookError, match=problem):
        figure(drawn(), **settings | changes)
    assert not shown


def test_alt_is_not_optional() -> None:
    with pytest.raises(TypeError, match="alt"):
        figure(drawn(), "count", "It rises.", data=DATA)  # type: ignore[call-arg]


def test_outside_the_book_nothing_is_written(
    shown: list[Markup], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for _ in range(2):  # a reader may run a cell again
        figure(drawn(), "count", "It rises & <falls>.", ALT, DATA)
    assert not list(tmp_path.iterdir())
    page = shown[0]._repr_html_()
    assert repr(shown[0]) == ALT
    assert '<figure id="fig-count"' in page
    assert "<figcaption>It rises &amp; &lt;falls&gt;.</figcaption>" in page
    assert ">Data<" not in page


def test_in_the_book_picture_data_and_record_are_kept(
    in_book: Path, shown: list[Markup], monkeypatch: pytest.MonkeyPatch
) -> None:
    links: dict[str, str] = {}
    monkeypatch.setattr(figures, "paste", lambda name, text, markup: links.update({name: markup}))
    figure(drawn(), "count", "It rises.", ALT, DATA)
    figure(drawn(), "grid", "A grid.", ALT, {"a": np.eye(2), "b": np.arange(3)})
    record = artifacts.read(in_book, "figures")
    assert list(record) == ["count", "grid"]
    assert record["count"] == {
        "caption": "It rises.",
        "alt": ALT,
        "chapter": "01-first",
        "data": "count.csv",
    }
    lines = (in_book / "figures" / "count.csv").read_text(encoding="utf-8").splitlines()
    assert lines == ["x,y", "0,1.0", "1,2.0"]
    with np.load(in_book / "figures" / "grid.npz") as stored:
        np.testing.assert_array_equal(stored["a"], np.eye(2))
        np.testing.assert_array_equal(stored["b"], np.arange(3))
    picture = ElementTree.parse(in_book / "figures" / "count.svg").getroot()
    assert picture.get("color") == "#222222", "alone it has no page to take its colour from"
    page = shown[1]._repr_html_()
    assert "<strong>Figure 1.2.</strong>" in page
    assert 'href="../_static/figures/01-first/grid.npz"' in page
    assert links["fig-grid"] == '<a href="#fig-grid">Figure 1.2</a>'


def test_a_name_is_used_once(
    in_book: Path, shown: list[Markup], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "paste", lambda *_: None)
    figure(drawn(), "count", "It rises.", ALT, DATA)
    with pytest.raises(NcbookError, match="records figures 'count' twice"):
        figure(drawn(), "count", "It rises again.", ALT, DATA)


def test_text_columns_with_commas_stay_columns(in_book: Path, tmp_path: Path) -> None:
    name = figures._write_data(tmp_path, "t", {"class": ["cat, dog", "car"], "n": [1, 2]})
    assert (tmp_path / name).read_text(encoding="utf-8") == 'class,n\n"cat, dog",1\ncar,2\n'


def test_a_stand_in_for_the_data_is_named_below_the_figure(shown: list[Markup]) -> None:
    journal.note("data", name="digits-for-cifar10", source="scikit-learn", fallback=True)
    figure(drawn(), "count", "It rises.", ALT, DATA)
    assert "Made with digits-for-cifar10, for want of the real data." in shown[0]._repr_html_()


def test_the_svg_takes_size_and_colour_from_the_page() -> None:
    svg = to_svg(drawn(), "count", ALT)
    root = ElementTree.fromstring(svg)
    assert root.get("role") == "img"
    assert root.get("aria-label") == ALT
    assert root.get("viewBox")
    assert not {"width", "height"} & set(root.keys())
    assert re.match(r"width:100%;max-width:\d+(\.\d+)?pt;height:auto", root.get("style", ""))
    assert INK not in svg
    assert "currentColor" in svg
    assert "<style" not in svg, "its rules would reach the whole page"
    texts = {"".join(node.itertext()) for node in root.iter("{http://www.w3.org/2000/svg}text")}
    assert "Gram" in texts, "text stays text"
    fills = set(re.findall(r"fill: (#\w+)", svg))
    assert not fills & {"#ffffff", "#000000"}, "nothing has a background"


def test_the_same_figure_has_the_same_bytes_and_no_date() -> None:
    assert to_svg(drawn(), "count", ALT) == to_svg(drawn(), "count", ALT)
    assert "20" + "26" not in to_svg(drawn(), "count", ALT)


def test_two_figures_share_no_id_and_find_their_own_parts() -> None:
    pages = [ElementTree.fromstring(to_svg(drawn(), name, ALT)) for name in ("one", "two")]
    ids = [{e.get("id") for e in page.iter() if e.get("id")} for page in pages]
    assert not ids[0] & ids[1]
    for page, own in zip(pages, ids, strict=True):
        values = " ".join(value for element in page.iter() for value in element.attrib.values())
        used = set(re.findall(r"url\(#([\w.-]+)\)", values))
        href = "{http://www.w3.org/1999/xlink}href"
        used |= {e.get(href, "")[1:] for e in page.iter() if e.get(href, "").startswith("#")}
        assert used
        assert used <= own


def test_an_id_is_kept_where_it_is_used_and_one_image_shown_twice_doubles_none() -> None:
    fig, axes = new_figure(1, 2)
    for ax in axes:
        ax.imshow([[0.0, 1.0], [1.0, 0.0]])
    text = to_svg(fig, "twice", ALT)
    assert text.count("<image") == 2
    ids = re.findall(r' id="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    assert all(f"#{name})" in text or f'#{name}"' in text for name in ids)


def test_formulas_name_fonts_for_machines_without_dejavu() -> None:
    svg = to_svg(drawn(), "count", ALT)
    assert all("sans-serif" in names for names in re.findall(r"font-family: ([^;]*);", svg))


def test_a_long_label_is_not_cut_off() -> None:
    fig, ax = new_figure(height=1.5)
    ax.set_ylabel("a label far longer than the figure is high, so that it would stick out")
    height = float(ElementTree.fromstring(to_svg(fig, "a", ALT)).get("viewBox", "").split()[3])
    assert height > 1.5 * 72 * 1.5


@pytest.mark.parametrize("logarithmic", [False, True])
def test_band_is_a_t_interval_around_the_mean(logarithmic: bool) -> None:
    runs = np.random.default_rng(0).lognormal(size=(4, 3))
    _, ax = new_figure()
    if logarithmic:
        ax.set_yscale("log")
    band(ax, [0, 1, 2], runs, "label")
    values = np.log(runs) if logarithmic else runs
    mean = values.mean(0)
    low, high = stats.t.interval(0.95, 3, loc=mean, scale=stats.sem(values))
    back = np.exp if logarithmic else np.asarray
    (line,), (area,) = ax.lines, ax.collections
    np.testing.assert_allclose(line.get_ydata(), back(mean))
    drawn_at = np.unique(area.get_paths()[0].vertices[:, 1].round(12))
    np.testing.assert_allclose(drawn_at, np.unique(back([low, high]).round(12)))
    assert line.get_label() == "label"


def test_band_of_one_seed_is_a_line() -> None:
    _, ax = new_figure()
    band(ax, [0, 1], [[1.0, 2.0]], "label")
    assert len(ax.lines) == 1
    assert not ax.collections


@pytest.mark.parametrize("runs", [[1.0, 2.0], [[1.0, 2.0, 3.0]]])
def test_band_refuses_other_shapes(runs: Any) -> None:
    _, ax = new_figure()
    with pytest.raises(ValueError, match=r"runs must be \(seeds, 2\)"):
        band(ax, [0, 1], runs, "label")


def test_gram_is_centred_at_zero() -> None:
    _, ax = new_figure()
    image = gram(ax, [[1.0, -3.0], [0.0, 1.0]])
    assert isinstance(image.norm, Normalize)
    assert (image.norm.vmin, image.norm.vmax) == (-3.0, 3.0)
    image = gram(ax, np.zeros((2, 2)), limit=1.0)
    assert (image.norm.vmin, image.norm.vmax) == (-1.0, 1.0)


def test_gram_refuses_what_is_not_square() -> None:
    _, ax = new_figure()
    with pytest.raises(ValueError, match=r"matrix must be square, got shape \(2, 3\)"):
        gram(ax, np.zeros((2, 3)))


def test_pyplot_knows_nothing_of_a_new_figure() -> None:
    from matplotlib import pyplot

    new_figure(2, 2)
    assert not pyplot.get_fignums(), "a notebook would show it twice"
