"""Assignments, as nbgrader releases and grades them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

from ncbook.press import notebooks
from ncbook.press.classroom.assignment import CODE_POINTS, assignment, write_course
from ncbook.press.exercises import exercises

CHAPTER, NUMBER = "01-what-collapses", "01"
EXERCISES = exercises(NUMBER)


def nbgrader(course: Path, *arguments: str) -> None:
    # It calls alembic by name, which lies beside the interpreter.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    command = [sys.executable, "-m", "nbgrader", *arguments]
    environment = os.environ | {"PATH": path}
    result = subprocess.run(command, cwd=course, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def by_id(notebook: nbformat.NotebookNode) -> dict[str, Any]:
    return {c.metadata.nbgrader.grade_id: c for c in notebook.cells if "nbgrader" in c.metadata}


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course with one assignment, released."""
    folder = tmp_path_factory.mktemp("course")
    write_course(folder, [CHAPTER], ["What collapses"])
    nbgrader(folder, "generate_assignment", CHAPTER, "--create")
    return folder


def released(course: Path) -> nbformat.NotebookNode:
    return notebooks.load(course / "release" / CHAPTER / f"{CHAPTER}.ipynb")


@pytest.mark.parametrize("number", [f"{n:02d}" for n in range(1, 11)])
def test_every_chapter_makes_a_valid_notebook_with_ids_of_its_own(number: str) -> None:
    notebook = assignment(number, "A title")
    nbformat.validate(notebook)
    graded = by_id(notebook)
    named = [c for c in notebook.cells if "nbgrader" in c.metadata]
    assert len(named) == len(graded)
    for exercise in exercises(number):
        assert {f"{exercise.label}-answer", f"{exercise.label}-check"} <= set(graded)


def test_writing_a_course_again_keeps_its_configuration(tmp_path: Path) -> None:
    [path] = write_course(tmp_path, [CHAPTER], ["What collapses"])
    before = path.read_bytes()
    (tmp_path / "nbgrader_config.py").write_text("mine", encoding="utf-8")
    write_course(tmp_path, [CHAPTER], ["What collapses"])
    assert (tmp_path / "nbgrader_config.py").read_text(encoding="utf-8") == "mine"
    assert path.read_bytes() == before


def test_students_get_prompts_and_checks_and_no_solution(course: Path) -> None:
    text = "\n".join(cell.source for cell in released(course).cells)
    for place, exercise in enumerate(EXERCISES, start=1):
        assert exercise.prompt.strip() in text
        assert f'check("1.{place}", answer)' in text
        assert exercise.code.strip() not in text
        assert exercise.solution.strip()[:40] not in text


def hand_in(course: Path, student: str, answers: dict[str, str]) -> None:
    """A submission in which these cells hold these sources."""
    folder = course / "submitted" / student / CHAPTER
    folder.mkdir(parents=True)
    shutil.copy(course / "release" / CHAPTER / f"{CHAPTER}.ipynb", folder)
    notebook = notebooks.load(folder / f"{CHAPTER}.ipynb")
    for name, source in answers.items():
        by_id(notebook)[name].source = source
    notebooks.save(notebook, folder / f"{CHAPTER}.ipynb")


@pytest.mark.slow
def test_right_answers_get_all_points_and_wrong_ones_none(course: Path) -> None:
    hand_in(course, "ada", {f"{e.label}-answer": e.code for e in EXERCISES})
    hand_in(course, "bob", {f"{e.label}-answer": "answer = None" for e in EXERCISES})
    nbgrader(course, "autograde", CHAPTER, "--create")
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        scores = {
            student: [
                grade.auto_score
                for notebook in book.find_submission(CHAPTER, student).notebooks
                for grade in notebook.grades
                if grade.name.endswith("-check")
            ]
            for student in ("ada", "bob")
        }
    assert scores["ada"] == [CODE_POINTS] * len(EXERCISES)
    assert scores["bob"] == [0] * len(EXERCISES)
