"""Numbers for the prose."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import ncbook.press
from ncbook.errors import NcbookError
from ncbook.press import artifacts, glue
from ncbook.press.numerals import typeset


def test_a_reader_sees_it(capsys: pytest.CaptureFixture[str]) -> None:
    glue("nc1", 0.12, ".3f")
    glue("nc1", 0.13, ".3f")
    assert capsys.readouterr().out == "nc1 = 0.120\nnc1 = 0.130\n"


@pytest.mark.parametrize(
    ("value", "fmt", "text"),
    [
        (0.5, ".0%", "50%"),
        (torch.tensor(0.25), ".2f", "0.25"),
        (np.float32(-1.5), ".1f", "−1.5"),
        (9.3e-4, ".1e", "9.3 × 10⁻⁴"),
        (12, "", "12"),
        ("re-run", "", "re-run"),
    ],
)
def test_in_the_book_it_is_recorded_and_shows_nothing(
    in_book: Path, capsys: pytest.CaptureFixture[str], value: Any, fmt: str, text: str
) -> None:
    glue("number", value, fmt)
    assert artifacts.read(in_book, "glue")["number"]["text"] == text
    assert f"number = {text}" not in capsys.readouterr().out


def test_a_name_is_used_once(in_book: Path) -> None:
    glue("number", 1)
    with pytest.raises(NcbookError, match="01-first records glue 'number' twice"):
        glue("number", 2)


def test_a_format_that_does_not_fit_is_named() -> None:
    with pytest.raises(NcbookError, match=r"glue\('number'\): 'text' can't be written as '.3f'"):
        glue("number", "text", ".3f")


def test_the_function_wins_over_the_module_of_its_name() -> None:
    from ncbook.press import figure

    assert callable(figure)
    assert callable(ncbook.press.glue)


def test_importing_it_is_cheap() -> None:
    import subprocess
    import sys

    code = "import sys, ncbook.press; print(*(m in sys.modules for m in ('matplotlib', 'torch')))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["False", "False"]


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("1.2e-07", "1.2 × 10⁻⁷"),
        ("-3e+12", "−3 × 10¹²"),
        ("1e+00", "1 × 10⁰"),
        ("0.5", "0.5"),
        ("-0.5%", "−0.5%"),
    ],
)
def test_typeset(text: str, printed: str) -> None:
    assert typeset(text) == printed
