"""Versions agree, floors fit the lock, imports are declared, no file speaks of a machine."""

import ast
import importlib.metadata
import json
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import ncbook
from tests.conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
LOCK = [
    Requirement(line)
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
# Where a module's name isn't its distribution's.
DISTRIBUTIONS = {
    "PIL": "pillow",
    "yaml": "pyyaml",
    "sklearn": "scikit-learn",
    "bs4": "beautifulsoup4",
    "markdown_it": "markdown-it-py",
}
# Parts of what is declared, with whose versions they go.
COMES_WITH = {
    "cycler": "matplotlib",
    "jupyter_book": "jupyter-book",
    "jupyter_client": "ipykernel",
    "myst_nb": "jupyter-book",
    "pybtex": "jupyter-book",
    "sphinx": "jupyter-book",
}


def tracked() -> list[Path]:
    """Files in git, and those that would be if all were added."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.check_output(command, cwd=ROOT, encoding="utf-8").split("\0")
    return [ROOT / name for name in listed if name and (ROOT / name).is_file()]


def names(requirements: Iterable[Requirement]) -> set[str]:
    return {canonicalize_name(requirement.name) for requirement in requirements}


def text_files() -> Iterator[tuple[Path, str]]:
    for path in tracked():
        data = path.read_bytes()
        if b"\0" not in data:
            yield path, data.decode("utf-8")


def declared() -> list[Requirement]:
    lines = [*PROJECT["dependencies"], *(line for extra in EXTRAS.values() for line in extra)]
    return [Requirement(line) for line in lines if not line.startswith("ncbook")]


def test_versions_agree() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## (\S+)", changelog, re.MULTILINE)
    assert newest is not None
    assert ncbook.__version__ == citation["version"] == newest[1]
    assert "version" in PROJECT["dynamic"]


@pytest.mark.parametrize("requirement", declared(), ids=str)
def test_the_lock_fits_what_is_declared(requirement: Requirement) -> None:
    pins = [pin for pin in LOCK if names([pin]) == names([requirement])]
    assert pins, f"{requirement.name} is missing from constraints.txt"
    for pin in pins:
        (specifier,) = pin.specifier
        assert specifier.operator == "=="
        assert requirement.specifier.contains(specifier.version), f"{pin} against {requirement}"


def test_the_lock_holds_only_plain_public_versions() -> None:
    for pin in LOCK:
        assert pin.url is None
        assert "+" not in str(pin.specifier), f"{pin} is a local build"
        assert not pin.extras, f"pip takes no extras in constraints: {pin}"


@pytest.mark.parametrize("version", ["2.13.0", "2.13.1"])
def test_torch_2_13_is_left_out(version: str) -> None:
    (torch,) = (r for r in declared() if r.name == "torch")
    assert not torch.specifier.contains(version)
    assert torch.specifier.contains("2.12.1")


def test_dependencies_have_floors_and_no_pins() -> None:
    for requirement in declared():
        operators = {specifier.operator for specifier in requirement.specifier}
        assert ">=" in operators, f"{requirement} has no floor"
        capped = operators & {"==", "<", "<=", "~="}
        assert not capped or requirement.name == "jupyter-book", f"{requirement} is pinned"


def imports(path: Path) -> set[str]:
    """The top-level names that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module.partition(".")[0])
    return found - set(sys.stdlib_module_names)


def test_the_package_imports_only_what_it_declares() -> None:
    known = names(declared()) | {"ncbook"}
    for path in (ROOT / "ncbook").rglob("*.py"):
        for name in imports(path):
            distribution = COMES_WITH.get(name) or DISTRIBUTIONS.get(name, name)
            assert canonicalize_name(distribution) in known, f"{path.name} imports {name}"


@pytest.mark.parametrize(
    ("folder", "extras"),
    [("tests", ["book", "browser", "cluster", "notebook", "test"]), ("benchmarks", ["bench"])],
)
def test_tests_and_benchmarks_import_only_what_their_extras_declare(
    folder: str, extras: list[str]
) -> None:
    lines = [*PROJECT["dependencies"], *(line for extra in extras for line in EXTRAS[extra])]
    known = names(map(Requirement, lines)) | {"ncbook", "tests", "benchmarks", "bootstrap"}
    for path in (ROOT / folder).rglob("*.py"):
        for name in imports(path):
            distribution = COMES_WITH.get(name) or DISTRIBUTIONS.get(name, name)
            assert canonicalize_name(distribution) in known, f"{path} imports {name}"


def test_the_core_works_without_the_book_extra() -> None:
    core = names(map(Requirement, PROJECT["dependencies"])) | {"ncbook"}
    lab, cluster = ROOT / "ncbook" / "lab", ROOT / "ncbook" / "lab" / "cluster"
    theory_and_lab = {*(ROOT / "ncbook").glob("*.py"), *lab.rglob("*.py")}
    # fsspec is imported where a shared store is opened: tests/lab/test_shared.py does without.
    for path in theory_and_lab - {lab / "shared.py", *cluster.rglob("*.py")}:
        for name in imports(path):
            distribution = canonicalize_name(DISTRIBUTIONS.get(name, name))
            assert distribution in core, f"{path} imports {name}"


def test_bootstrap_needs_nothing_but_python() -> None:
    assert imports(ROOT / "bootstrap.py") <= {"__future__"}


# Put together here, so that this file doesn't find itself.
FORBIDDEN = {
    "a machine's path": re.compile(r"(?<![\w.])/(?:home|root|Users|work|opt|mnt)/\w"),
    "a Windows user's path": re.compile(r"\b[A-Z]:\\Users\\"),
    "a package registry's host": re.compile(
        r"(?:pypi|pythonhosted|npmjs|debian)\.org|--(?:extra-)?index-" + r"url|registry\.\w+\.\w+"
    ),
    "an unfinished mark": re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|NotImplemented" + r"Error)\b"),
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_holds(what: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path, text in text_files()
        if path != Path(__file__)
        for match in FORBIDDEN[what].finditer(text)
    ]
    assert not found


def notebooks() -> list[Path]:
    return sorted((ROOT / "book").glob("*.ipynb"))


def test_there_are_notebooks() -> None:
    assert notebooks()


@pytest.mark.parametrize("path", notebooks(), ids=lambda path: path.stem)
def test_notebooks_hold_no_outputs(path: Path) -> None:
    notebook = json.loads(path.read_text(encoding="utf-8"))
    for number, cell in enumerate(notebook["cells"]):
        assert not cell.get("outputs"), f"cell {number} has outputs"
        assert cell.get("execution_count") is None, f"cell {number} was executed"
    assert "widgets" not in notebook["metadata"]


@pytest.mark.parametrize("name", ["LICENSE", "LICENSE-TEXT"])
def test_licences_are_named_where_they_should_be(name: str) -> None:
    assert (ROOT / name).is_file()
    assert name in PROJECT["license-files"]


@pytest.mark.parametrize(
    "path", sorted((ROOT / ".github/workflows").glob("*.yml")), ids=lambda p: p.stem
)
def test_workflows_pin_major_versions(path: Path) -> None:
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    used = [step["uses"] for step in steps if "uses" in step]
    assert used
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@v\d+", name) for name in used), used


def test_ci_runs_the_readme_command() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "set -eo pipefail" in script
    last = script.strip().splitlines()[-1]
    assert last == "python3 bootstrap.py test"
    assert last in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_wheel_holds_only_the_package(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "--quiet",
        "-w",
        str(tmp_path),
        ".",
    ]
    subprocess.run(command, cwd=ROOT, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        inside = archive.namelist()
    outside = [name for name in inside if not re.match(r"ncbook(-[\d.]+\.dist-info)?/", name)]
    assert not outside
    assert "ncbook/py.typed" in inside
    assert not [name for name in inside if "__pycache__" in name]


def test_the_installed_version_is_the_checkouts() -> None:
    assert importlib.metadata.version("ncbook") == ncbook.__version__
