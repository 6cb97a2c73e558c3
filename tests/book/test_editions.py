"""The students' edition of the whole book, as Jupyter Book is given it: without a solution."""

from pathlib import Path

import nbformat
import pytest

from ncbook.press.book import INSTRUCTORS, Book
from ncbook.press.claimfile import load_claims
from ncbook.press.exercises import exercises
from ncbook.press.stage import put_together
from ncbook.press.stamps import read

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def stages(laptop_book: Book) -> dict[str, dict[str, str]]:
    """The text of every file of both editions, by edition and path."""
    return {
        "instructor": texts(Book(laptop_book.root, "instructor")),
        "student": texts(Book(laptop_book.root, "student")),
    }


def texts(book: Book) -> dict[str, str]:
    claims = load_claims(book.claims_file)
    stamps = {name: read(book.copy("laptop", name))[1] for name in book.chapters}
    stage = put_together(book, "laptop", claims, stamps)
    files = [path for path in stage.rglob("*") if path.suffix in (".ipynb", ".md", ".yml")]
    return {path.relative_to(stage).as_posix(): text(path) for path in files}


def text(path: Path) -> str:
    if path.suffix != ".ipynb":
        return path.read_text(encoding="utf-8")
    return "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells)


def test_no_file_of_the_students_edition_holds_a_solution(
    stages: dict[str, dict[str, str]], laptop_book: Book
) -> None:
    for chapter in laptop_book.chapters:
        for exercise in exercises(chapter[:2]):
            for part in (exercise.solution.strip(), exercise.code.strip()):
                holders = {
                    edition: [path for path, content in files.items() if part in content]
                    for edition, files in stages.items()
                }
                assert f"book/{chapter}.ipynb" in holders["instructor"], exercise.title
                assert holders["student"] == [], exercise.title


def test_the_instructors_page_is_theirs_alone(stages: dict[str, dict[str, str]]) -> None:
    assert f"{INSTRUCTORS}.md" in stages["instructor"]
    assert f"{INSTRUCTORS}.md" not in stages["student"]
    assert INSTRUCTORS not in stages["student"]["_toc.yml"]
