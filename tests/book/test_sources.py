"""The chapters as they are in git: shape, numbers, claims."""

import re
from pathlib import Path
from statistics import median

import nbformat
import pytest

from ncbook.press.book import Book
from ncbook.press.claimfile import load_claims
from ncbook.press.exercises import exercises

BOOK = Book(Path(__file__).parents[2])
chapters = pytest.mark.parametrize("chapter", BOOK.chapters)


def cells(chapter: str, kind: str) -> list[nbformat.NotebookNode]:
    notebook = nbformat.read(BOOK.notebook(chapter), as_version=4)
    return [cell for cell in notebook.cells if cell.cell_type == kind]


def prose(chapter: str) -> str:
    return "\n".join(cell.source for cell in cells(chapter, "markdown"))


def code(chapter: str) -> str:
    return "\n".join(cell.source for cell in cells(chapter, "code"))


def test_both_chapters_are_in_the_table_of_contents() -> None:
    assert {"01-what-collapses", "06-supervised-contrastive"} <= set(BOOK.chapters)


@chapters
def test_cells_are_short(chapter: str) -> None:
    lengths = [len(cell.source.splitlines()) for cell in cells(chapter, "code")]
    assert max(lengths) <= 20
    assert median(lengths) <= 8


@chapters
def test_parameters_come_first_and_are_these(chapter: str) -> None:
    first = cells(chapter, "code")[0]
    assert "parameters" in first.metadata.tags
    names = re.findall(r"^(\w+) =", first.source, re.MULTILINE)
    assert names == ["profile", "seed", "device", "data_dir"]


@chapters
def test_every_number_in_the_prose_is_glued_and_every_glued_one_used(chapter: str) -> None:
    used = set(re.findall(r"\{glue\}`([\w-]+)`", prose(chapter)))
    figures = {f"fig-{name}" for name in re.findall(r'^    "([\w-]+)",$', code(chapter), re.M)}
    glued = set(re.findall(r'glue\(f?"([\w{}]+)"', code(chapter)))
    patterns = [re.compile(re.sub(r"\{\w+\}", r"\\w+", name) + r"\Z") for name in glued]
    unknown = {name for name in used - figures if not any(p.match(name) for p in patterns)}
    assert unknown == set()
    unused = {p.pattern for p in patterns if not any(p.match(name) for name in used)}
    assert unused == set()


@chapters
def test_a_chapter_has_what_a_chapter_has(chapter: str) -> None:
    text = prose(chapter)
    assert text.startswith("# ")
    objectives = text.split("this chapter you can", 1)[1].split("\n\n")[1]
    assert 3 <= objectives.count("\n- ") + objectives.startswith("- ") <= 5
    assert "{doc}`table of run times <runtimes>`" in text
    assert "## What was claimed, what was measured" in text
    assert "**Further reading.**" in text


@chapters
def test_every_claim_of_the_chapter_is_in_the_ledger_and_the_other_way_round(chapter: str) -> None:
    recorded = re.findall(r'claim\("([\w-]+)"', code(chapter))
    listed = [c.id for c in load_claims(BOOK.claims_file).claims.values() if c.chapter == chapter]
    assert sorted(recorded) == sorted(listed)
    assert len(recorded) == len(set(recorded))


@chapters
def test_a_chapter_calls_for_its_exercises_in_order_and_for_its_quiz(chapter: str) -> None:
    digits = chapter.split("-")[0]
    called = re.findall(r'^exercise\("([\d.]+)"\)$', code(chapter), re.MULTILINE)
    assert called == [f"{int(digits)}.{n}" for n in range(1, len(exercises(digits)) + 1)]
    assert code(chapter).count(f'quiz("{digits}")') == 1
    assert "{exercise}" not in prose(chapter)
    assert "{solution}" not in prose(chapter)


@chapters
def test_no_verdict_is_hidden(chapter: str) -> None:
    """The ledger links to each claim's place in its chapter."""
    hidden = [
        cell.source
        for cell in cells(chapter, "code")
        if 'claim("' in cell.source and "remove-cell" in cell.metadata.get("tags", [])
    ]
    assert hidden == []
