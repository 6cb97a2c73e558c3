"""Every copy as its reader gets it: in an environment without the book, its own cells install it.

The environment holds what the extra `notebook` brings, a kernel and pip, and nothing else: no
Jupyter Book, no papermill. Pip gets no network, so what it finds there has to do.
"""

import importlib.metadata
import os
import re
import subprocess
import sysconfig
import time
import tomllib
import venv
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ncbook.press import notebooks
from ncbook.press.book import Book
from ncbook.press.colab import write_copies
from tests.conftest import ROOT

pytestmark = pytest.mark.slow
AT_ONCE = 2
SECONDS = 300  # for a cell
# A kernel, and what pip takes to install a package from its sources.
TOOLS = ("ipykernel", "pip", "hatchling")
BOOK_ONLY = ("jupyter_book", "sphinx", "myst_nb", "papermill", "bs4", "nbclient", "pytest")


def distributions() -> list[importlib.metadata.Distribution]:
    """What pip would have in an environment with the extra, of the versions installed here."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [*project["dependencies"], *project["optional-dependencies"]["notebook"], *TOOLS]
    due = [Requirement(line) for line in lines]
    found: dict[str, importlib.metadata.Distribution] = {}
    seen: set[str] = set()
    while due:
        requirement = due.pop()
        name = canonicalize_name(requirement.name)
        found[name] = importlib.metadata.distribution(name)
        for need in map(Requirement, found[name].requires or []):
            extras = ({"extra": extra} for extra in ("", *requirement.extras))
            if f"{need}" not in seen and (
                not need.marker or any(map(need.marker.evaluate, extras))
            ):
                seen.add(f"{need}")
                due.append(need)
    return list(found.values())


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of links to these distributions, to be imported from."""
    folder = tmp_path_factory.mktemp("shelf")
    for distribution in distributions():
        for name in {file.parts[0] for file in distribution.files or []} - {"..", "__pycache__"}:
            source = Path(str(distribution.locate_file(name)))
            try:
                if not (folder / name).exists():
                    (folder / name).symlink_to(source)
            except OSError as error:
                pytest.skip(f"No links can be made here, and copies of torch are large: {error}")
    return folder


@dataclass
class Environment:
    """A virtual environment that borrows from the shelf."""

    folder: Path

    def __init__(self, folder: Path, shelf: Path) -> None:
        self.folder = folder
        venv.create(folder, symlinks=os.name != "nt")
        (self.packages / "shelf.pth").write_text(f"{shelf}\n", encoding="utf-8")

    def path(self, kind: str) -> Path:
        base = {"base": str(self.folder), "platbase": str(self.folder)}
        return Path(sysconfig.get_path(kind, "venv", base))

    @property
    def packages(self) -> Path:
        return self.path("purelib")

    @property
    def python(self) -> str:
        return str(self.path("scripts") / ("python.exe" if os.name == "nt" else "python"))

    def finds(self, module: str) -> bool:
        code = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({module!r}) is None)"
        return not subprocess.run([self.python, "-I", "-c", code], check=False).returncode


def kernel_of(environment: Environment) -> type[AsyncKernelManager]:
    """A manager of kernels of an environment's Python."""

    class Kernel(AsyncKernelManager):
        @property
        def kernel_spec(self) -> KernelSpec:
            command = [environment.python, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
            return KernelSpec(argv=command, display_name="Python 3", language="python")

    return Kernel


def run(path: Path, environment: Environment) -> NotebookNode:
    """The copy, executed from its first cell to its last in the smoke profile."""
    notebook = notebooks.load(path)
    (place,) = (n for n, c in enumerate(notebook.cells) if "parameters" in notebooks.tags(c))
    notebook.cells.insert(place + 1, new_code_cell('profile = "smoke"'))  # as papermill does it
    return execute(notebook, environment, NCBOOK_SOURCE=str(ROOT))


def execute(notebook: NotebookNode, environment: Environment, **settings: str) -> NotebookNode:
    # What pip calls no isolation is 0. It would fetch a hatchling of its own.
    settings |= {"PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0"}
    kept = {k: v for k, v in os.environ.items() if not re.match("NCBOOK_(?!CACHE)|PYTHON", k)}
    manager = kernel_of(environment)
    client = NotebookClient(notebook, kernel_manager_class=manager, timeout=SECONDS)
    return client.execute(env=kept | settings, cwd=str(environment.folder))


@dataclass
class Outcome:
    """What became of a copy."""

    environment: Environment
    bare: bool
    notebook: NotebookNode | None
    error: str
    seconds: float


@pytest.fixture(scope="module")
def outcomes(
    laptop_book: Book, shelf: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Outcome]:
    """All copies, executed two at a time."""
    copies = write_copies(laptop_book, "laptop", tmp_path_factory.mktemp("colab"))

    def outcome(path: Path) -> Outcome:
        environment = Environment(tmp_path_factory.mktemp(path.stem) / "env", shelf)
        bare = not environment.finds("ncbook")
        begun = time.perf_counter()
        notebook, error = None, ""
        try:
            notebook = run(path, environment)
        except CellExecutionError as failure:
            error = str(failure)
        return Outcome(environment, bare, notebook, error, time.perf_counter() - begun)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip((path.stem for path in copies), pool.map(outcome, copies), strict=True))


chapters = pytest.mark.parametrize("chapter", Book(ROOT).chapters)


def outputs(notebook: NotebookNode) -> list[NotebookNode]:
    return [out for cell in notebook.cells if cell.cell_type == "code" for out in cell.outputs]


@chapters
def test_a_copy_installs_the_package_and_runs(chapter: str, outcomes: dict[str, Outcome]) -> None:
    found = outcomes[chapter]
    assert found.bare, "the package was there before"
    assert not found.error
    assert found.notebook is not None
    print(f"{chapter}: {found.seconds:.0f} s")
    shown = outputs(found.notebook)
    assert not [out for out in shown if out.output_type == "error"]
    pages = [out.data.get("text/html", "") for out in shown if "data" in out]
    assert any("<figure" in page for page in pages)
    printed = "".join(out.text for out in shown if out.get("name") == "stdout")
    assert re.search(r"^\w+ = .", printed, re.MULTILINE), "numbers of the reader's own run"


@chapters
def test_pip_adds_the_package_and_touches_nothing_else(
    chapter: str, outcomes: dict[str, Outcome]
) -> None:
    there = {path.name for path in outcomes[chapter].environment.packages.iterdir()}
    added = {name for name in there - {"shelf.pth"} if not name.startswith("ncbook-")}
    assert added == {"ncbook"}


def test_nothing_of_the_books_own_tools_was_at_hand(outcomes: dict[str, Outcome]) -> None:
    environment = next(iter(outcomes.values())).environment
    assert [name for name in BOOK_ONLY if environment.finds(name)] == []
    assert environment.finds("ncbook")
    assert environment.finds("torch")


def test_a_copy_without_an_address_says_what_it_needs(
    laptop_book: Book, shelf: Path, tmp_path: Path
) -> None:
    (path,) = write_copies(laptop_book, "laptop", tmp_path, ["01"])
    notebook = notebooks.load(path)
    del notebook.cells[2:]
    environment = Environment(tmp_path / "env", shelf)
    with pytest.raises(CellExecutionError, match="Say above where the book's repository is"):
        execute(notebook, environment)
