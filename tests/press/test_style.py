"""Colours: read on light and dark pages, and told apart by colour-blind eyes."""

import itertools

import matplotlib
import numpy as np
import pytest
from numpy.typing import NDArray

from ncbook.press.style import COLOURS, DIVERGING, INK, PATTERNS, SEQUENTIAL, STYLE, style

# Pages: white, the theme's dark pages (this one's and pydata's), JupyterLab's.
PAGES = ["#ffffff", "#121212", "#14181e", "#111111"]
# Machado, Oliveira & Fernandes 2009, severity 1, linear RGB.
SIGHT = {
    "normal": "1 0 0  0 1 0  0 0 1",
    "protan": "0.152286 1.052583 -0.204868  0.114503 0.786281 0.099216"
    "  -0.003882 -0.048116 1.051998",
    "deutan": "0.367322 0.860646 -0.227968  0.280085 0.672501 0.047413"
    "  -0.011820 0.042940 0.968881",
    "tritan": "1.255528 -0.076749 -0.178779  -0.078411 0.930809 0.147602"
    "  0.004733 0.691367 0.303900",
}
# Ottosson 2020: linear RGB to cone responses, their cube roots to OKLab.
TO_CONES = (
    "0.4122214708 0.5363325363 0.0514459929  0.2119034982 0.6806995451 0.1073969566"
    "  0.0883024619 0.2817188376 0.6299787005"
)
TO_LAB = (
    "0.2104542553 0.7936177850 -0.0040720468  1.9779984951 -2.4285922050 0.4505937099"
    "  0.0259040371 0.7827717662 -0.8086757660"
)


def matrix(numbers: str) -> NDArray[np.float64]:
    return np.array(numbers.split(), dtype=float).reshape(3, 3)


def linear(colour: str) -> NDArray[np.float64]:
    channels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    """Contrast ratio of WCAG 2."""
    luminances = [float(linear(colour) @ [0.2126, 0.7152, 0.0722]) for colour in (one, other)]
    return (max(luminances) + 0.05) / (min(luminances) + 0.05)


def oklab(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    return matrix(TO_LAB) @ np.cbrt(np.clip(matrix(TO_CONES) @ rgb, 0, None))


def test_contrast_is_wcags() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("name", COLOURS)
def test_data_colours_stand_out_from_every_page(name: str, page: str) -> None:
    assert contrast(COLOURS[name], page) >= 3


@pytest.mark.parametrize("sight", SIGHT)
def test_data_colours_are_told_apart(sight: str) -> None:
    eyes = matrix(SIGHT[sight])
    seen = {n: oklab(np.clip(eyes @ linear(c), 0, 1)) for n, c in COLOURS.items()}
    for one, other in itertools.combinations(COLOURS, 2):
        assert np.linalg.norm(seen[one] - seen[other]) >= 0.1, (one, other)


def test_each_colour_has_its_own_line_pattern() -> None:
    assert len({str(pattern) for pattern in PATTERNS}) == len(COLOURS) == len(PATTERNS)


def test_ink_is_no_data_colour() -> None:
    assert INK not in COLOURS.values()


def test_colour_maps_are_clear_at_zero_and_full_at_the_ends() -> None:
    sequential, diverging = (matplotlib.colormaps[name] for name in (SEQUENTIAL, DIVERGING))
    assert sequential(0.0)[3] == 0
    assert sequential(1.0)[3] == 1
    assert diverging(0.5)[3] < 0.01
    assert diverging(0.0)[3] == diverging(1.0)[3] == 1
    assert diverging(0.0)[:3] != diverging(1.0)[:3]


def test_style_sets_what_it_says() -> None:
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        style()
        assert matplotlib.rcParams["svg.fonttype"] == "none"
        assert matplotlib.rcParams["text.color"] == INK
        assert set(STYLE) <= set(matplotlib.rcParams)
