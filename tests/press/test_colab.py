"""Notebooks for Colab: what is in them, where Colab finds them, what they install."""

import ast
import re
import shutil
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess

import nbformat
import pytest
import torch
from nbformat import NotebookNode
from packaging.requirements import Requirement

from ncbook.errors import NcbookError
from ncbook.lab.profiles import PROFILES, suggest_profile
from ncbook.press import notebooks
from ncbook.press.book import Book, Repository
from ncbook.press.colab import badge_url, write_copies
from ncbook.press.execute import execute
from tests.conftest import ROOT
from tests.press.fixture_book import FIRST, write_notebook

Call = Callable[..., CompletedProcess[str]]
PUBLISHED = """
repository:
  url: https://github.com/someone/some.book
  branch: sources
html:
  baseurl: https://book.example/
"""


@pytest.fixture
def book(made: Book, tmp_path: Path) -> Book:
    """The small book, executed, in a folder of its own."""
    shutil.copytree(made.root, tmp_path / "book")
    return Book(tmp_path / "book")


def configured(book: Book, text: str) -> Book:
    (book.root / "_config.yml").write_text(text, encoding="utf-8")
    return Book(book.root)


def copy_of(book: Book, chapter: str, target: Path) -> NotebookNode:
    (path,) = write_copies(book, "smoke", target, [chapter])
    notebook = notebooks.load(path)
    nbformat.validate(notebook)
    return notebook


def test_where_the_repository_is_is_said_once(book: Book) -> None:
    assert configured(book, "title: x").repository is None
    assert configured(book, "title: x").site is None
    said = configured(book, PUBLISHED)
    url = "https://github.com/someone/some.book"
    assert said.repository == Repository(url, "sources", "gh-pages")
    assert said.site == "https://book.example"
    full = "repository: {url: 'https://github.com/a/b.git', pages_branch: site}"
    assert configured(book, full).repository == Repository("https://github.com/a/b", "main", "site")


def test_a_damaged_configuration_is_named(book: Book) -> None:
    with pytest.raises(NcbookError, match=r"_config\.yml can't be read"):
        _ = configured(book, "{").repository


@pytest.mark.parametrize(
    ("text", "url"),
    [
        (
            PUBLISHED,
            "https://colab.research.google.com/github/someone/some.book/blob/gh-pages/"
            "colab/01-first.ipynb",
        ),
        ("title: x", None),
        ("repository: {url: 'https://forge.example/a/b'}", None),
    ],
)
def test_a_badge_opens_exactly_the_copy(book: Book, text: str, url: str | None) -> None:
    assert badge_url(configured(book, text), "01-first") == url


def test_a_copy_is_the_chapter_in_plain_markdown(book: Book, tmp_path: Path) -> None:
    notebook = copy_of(configured(book, PUBLISHED), "01", tmp_path / "colab")
    first = notebook.cells[0].source
    assert first.startswith("# First\n\n")
    assert "https://book.example/book/01-first.html" in first
    assert "profile `smoke`" in first
    figure = "[Figure 1.1](https://book.example/book/01-first.html#fig-count)"
    assert f"The number is 1.50 and 1.50; see {figure}." in first
    assert [cell.cell_type for cell in notebook.cells[:4]] == ["markdown", *["code"] * 3]
    assert notebook.cells[-1].source == FIRST[-1]
    assert not any(cell.get("outputs") for cell in notebook.cells)
    assert notebook.metadata.kernelspec.name == "python3"


def test_a_copy_is_the_same_each_time(book: Book, tmp_path: Path) -> None:
    (one,) = write_copies(book, "smoke", tmp_path / "a", ["01"])
    (two,) = write_copies(book, "smoke", tmp_path / "b", ["01"])
    assert one.read_bytes() == two.read_bytes()


def test_the_settings_stay_parameters_and_choose_a_profile(book: Book, tmp_path: Path) -> None:
    notebook = copy_of(book, "01", tmp_path / "colab")
    (settings,) = (cell for cell in notebook.cells if "parameters" in notebooks.tags(cell))
    names: dict[str, object] = {}
    exec(settings.source, names)
    assert names["profile"] in PROFILES
    assert (names["seed"], names["device"], names["data_dir"]) == (0, "auto", None)


@pytest.mark.parametrize(("there", "profile"), [(True, "gpu"), (False, "laptop")])
def test_a_cuda_device_means_the_gpu_profile(
    monkeypatch: pytest.MonkeyPatch, there: bool, profile: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert suggest_profile() == profile


def test_hidden_code_is_folded_away_but_runs(book: Book, tmp_path: Path) -> None:
    path = book.notebook("01-first")
    notebook = notebooks.load(path)
    hidden = {"figure(": "hide-input", "glue(": "remove-cell", "claim(": "remove-input"}
    for cell in notebook.cells:
        for word, tag in hidden.items():
            if cell.cell_type == "code" and word in cell.source:
                cell.metadata.tags = [tag]
    notebooks.save(notebook, path)
    execute(book, "smoke", ["01"])
    copy = copy_of(book, "01", tmp_path / "colab")
    forms = {c.source.partition("\n")[0]: c for c in copy.cells if c.source.startswith("#@title")}
    assert list(forms) == [
        "#@title Install the book's package",
        "#@title Have widgets shown in Colab",
        "#@title Settings",
        "#@title Figure 1.1",
        "#@title Your numbers",
        "#@title Preparation",
    ]
    for cell in forms.values():
        assert cell.metadata["cellView"] == "form"
        assert cell.metadata["jupyter"]["source_hidden"] is True
    assert 'glue("number", 1.5, ".2f")' in forms["#@title Your numbers"].source


def installing(notebook: NotebookNode) -> str:
    (cell,) = (cell for cell in notebook.cells if "%pip" in cell.source)
    return str(cell.source)


def test_the_package_comes_from_the_repository_without_pins(book: Book, tmp_path: Path) -> None:
    code = installing(copy_of(configured(book, PUBLISHED), "01", tmp_path / "colab"))
    assert '"git+https://github.com/someone/some.book@sources"' in code
    assert '%pip install --quiet "ncbook[notebook] @ {source}"' in code
    assert not re.search(r"==|<|--upgrade|-U|torch|numpy", code)


def test_without_an_address_the_install_cell_asks_for_one(book: Book, tmp_path: Path) -> None:
    code = installing(copy_of(configured(book, "title: x"), "01", tmp_path / "colab"))
    assert 'os.environ.get("NCBOOK_SOURCE", "")' in code
    assert "the folder of a clone" in code


def test_markup_without_a_plain_form_is_named_by_file_cell_and_line(
    book: Book, tmp_path: Path
) -> None:
    write_notebook(book.notebook("02-second"), "# Second\n\nA\n{foo}`x`.", "print(1)")
    execute(book, "smoke", ["02"])
    with pytest.raises(NcbookError, match=r"02-second\.ipynb, cell 1, line 4: the role \{foo\}"):
        write_copies(book, "smoke", tmp_path / "colab", ["02"])


def test_stale_numbers_are_refused(book: Book, tmp_path: Path) -> None:
    write_notebook(book.notebook("02-second"), "# Second", "print(43)")
    with pytest.raises(NcbookError) as caught:
        write_copies(book, "smoke", tmp_path / "colab")
    why = "its source changed"
    assert caught.value.cause == f"No copy of 02-second, for want of its numbers ({why})"
    assert caught.value.cure == "Run `ncbook run 02-second --profile smoke`"
    assert not (tmp_path / "colab").exists(), "nothing is written"
    book.copy("smoke", "02-second").write_text("{", encoding="utf-8")
    with pytest.raises(NcbookError, match="its executed copy is damaged"):
        write_copies(book, "smoke", tmp_path / "colab")


def test_the_command_writes_copies_and_says_where(ncbook: Call, book: Book) -> None:
    early = ncbook("colab", cwd=book.root)
    assert early.returncode == 1
    assert "Cure:  Run `ncbook run 01-first --profile laptop`" in early.stderr
    found = ncbook("colab", "02", "--profile", "smoke", cwd=book.root)
    assert found.returncode == 0, found.stderr
    assert found.stdout.splitlines() == [str(book.made / "colab" / "02-second.ipynb")]


# What a kernel needs: found from the chapters' imports through the package's own.

# Imported where it is called: `ncbook.press.glue.paste` while the book is executed, a shared store
# where one is named.
NOT_IN_A_KERNEL = {"myst_nb", "fsspec"}
DISTRIBUTIONS = {
    "PIL": "pillow",
    "cycler": "matplotlib",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}
DISTRIBUTIONS |= {"markdown_it": "markdown-it-py", "mdit_py_plugins": "mdit-py-plugins"}


def imported(code: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def file_of(module: str) -> Path | None:
    path = ROOT.joinpath(*module.split("."))
    return next((f for f in (path / "__init__.py", path.with_suffix(".py")) if f.is_file()), None)


def reached(names: set[str]) -> set[str]:
    """What is imported by these modules, and by those of the package that they import."""
    due, outside, read = list(names), set(), set[Path]()
    while due:
        name = due.pop()
        if not name.startswith("ncbook"):
            outside.add(name.partition(".")[0])
            continue
        parents = [name.rsplit(".", depth)[0] for depth in range(name.count(".") + 1)]
        for path in filter(None, map(file_of, parents)):
            if path not in read:
                read.add(path)
                due += imported(path.read_text(encoding="utf-8"))
    return outside - set(sys.stdlib_module_names)


def test_the_notebook_extra_is_what_a_chapter_needs_in_a_kernel() -> None:
    cells = [
        cell.source
        for path in (ROOT / "book").glob("*.ipynb")
        for cell in notebooks.load(path).cells
        if cell.cell_type == "code"
    ]
    exercises = [path.read_text("utf-8") for path in (ROOT / "ncbook/press/exercises").glob("*.py")]
    found = (
        reached({name for code in cells + exercises for name in imported(code)}) - NOT_IN_A_KERNEL
    )
    needed = {DISTRIBUTIONS.get(name, name).lower() for name in found}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    core = {Requirement(line).name for line in project["dependencies"]}
    extra = {Requirement(line).name for line in project["optional-dependencies"]["notebook"]}
    assert needed - core == extra
    assert "ncbook[notebook]" in project["optional-dependencies"]["book"]
