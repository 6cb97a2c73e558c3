"""One chapter as a notebook that needs nothing around it: it installs what it runs on."""

import ast
import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from ncbook.errors import NcbookError
from ncbook.press import artifacts, notebooks
from ncbook.press.book import Book
from ncbook.press.figures import number
from ncbook.press.lowering import MarkupError, References, lower
from ncbook.press.progress import seconds
from ncbook.press.stamps import Stamp

PARAMETERS = "parameters"
HIDING = {"hide-input", "remove-input", "remove-cell"}
SHOWING = {"demo", "figure", "turntable"}  # each takes the name of its figure
SETTINGS = """\
from ncbook.lab.profiles import suggest_profile  # before torch: it sets how threads wait

profile = suggest_profile()  # "gpu" where torch finds a CUDA device, else "laptop"
seed = 0
device = "auto"
data_dir = None"""
# No version of anything is asked for: pip leaves alone what is there and recent enough.
INSTALL = """\
import importlib.util
import os
from pathlib import Path

{source}
if importlib.util.find_spec("ncbook") is None:
    if not source:
        raise RuntimeError("Say above where the book's repository is, and run this cell again.")
    if os.path.isdir(source):
        source = Path(source).resolve().as_uri()
    %pip install --quiet "ncbook[notebook] @ {{source}}"
    importlib.invalidate_caches()
    if importlib.util.find_spec("ncbook") is None:
        raise RuntimeError("ncbook was not installed; pip says why above.")"""
KNOWN = 'source = os.environ.get("NCBOOK_SOURCE", "git+{url}@{branch}")'
ASKED = """\
# Where the book's repository is: the folder of a clone, or an address such as "git+https://…".
source = os.environ.get("NCBOOK_SOURCE", "")"""
WIDGETS = """\
import sys

if "google.colab" in sys.modules:
    from google.colab import output

    output.enable_custom_widget_manager()"""


@dataclass(frozen=True)
class Copy:
    """What a chapter's copy is made from.

    Attributes:
        book, chapter, profile: which chapter, and in which profile it was executed.
        stamp: of that execution.
        references: what the text refers to.
        spent: the seconds that training took, by run.
    """

    book: Book
    chapter: str
    profile: str
    stamp: Stamp
    references: References
    spent: Mapping[str, float]

    def notebook(self) -> NotebookNode:
        """The copy, without outputs.

        Raises:
            NcbookError: naming file, cell and line of markup that has no plain form.
        """
        source = notebooks.load_source(self.book.notebook(self.chapter))
        first, *rest = [self._converted(cell, n) for n, cell in enumerate(source.cells, start=1)]
        cells = [*self._opening(first), *rest]
        for place, cell in enumerate(cells):
            # As they come, ids are left to chance, and each copy would differ.
            cell["id"] = uuid.uuid5(uuid.NAMESPACE_OID, f"{place} {cell.source}").hex[:8]
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        metadata = {"kernelspec": kernel, "colab": {"toc_visible": True}}
        made = new_notebook(cells=cells, metadata=metadata)  # type: ignore[no-untyped-call]
        return cast(NotebookNode, made)

    def _opening(self, first: NotebookNode) -> Iterator[NotebookNode]:
        """The chapter's first cell, below its title what kind of copy this is; then the setup."""
        title, _, text = first.source.partition("\n")
        yield _markdown("\n\n".join([title, self._about(), text.strip()]))
        yield _form("Install the book's package", self._install())
        yield _form("Have widgets shown in Colab", WIDGETS)

    def _about(self) -> str:
        where = self.references.site
        page = (
            f"[the book's page]({where}/book/{self.chapter}.html)" if where else "the book's page"
        )
        day = datetime.fromisoformat(self.stamp.date)
        return (
            f"A chapter of *Neural Collapse, Executed* as a notebook to run; {page} has it with "
            "all its figures.\n\n"
            f"**Numbers in the text** are those of the book's own run: profile `{self.profile}`, "
            f"on {self.stamp.device}, {day.day} {day:%B %Y}. Yours, which may differ, are printed "
            "by the cells called *Your numbers*. "
            f"**Time.** {self._time()} With a CUDA device the settings below choose the larger "
            "`gpu` profile."
        )

    def _time(self) -> str:
        """How long the book's run took, and how long training took that it found done."""
        took = f"The book's run took {seconds(self.stamp.seconds)}"
        left = json.loads(
            (self.book.artifacts(self.profile, self.chapter) / artifacts.KERNEL).read_text("utf-8")
        )
        ready = {run["id"] for run in left["runs"] if not run["trained"]}
        ready -= {run["id"] for run in left["runs"] if run["trained"]}
        if not ready or not ready <= set(self.spent):
            return f"{took}."
        training = seconds(sum(self.spent[run] for run in ready))
        return (
            f"{took} with {len(ready)} networks trained before; to train these takes another "
            f"{training} on one core, shared among as many as there are."
        )

    def _install(self) -> str:
        repository = self.book.repository
        if repository is None:
            return INSTALL.format(source=ASKED)
        source = KNOWN.format(url=repository.url, branch=repository.branch)
        return INSTALL.format(source=source)

    def _converted(self, cell: NotebookNode, place: int) -> NotebookNode:
        tags = notebooks.tags(cell)
        if cell.cell_type == "markdown":
            return _markdown(self._lowered(cell.source, place))
        if PARAMETERS in tags:
            return _form("Settings", SETTINGS, [PARAMETERS])
        title = self._title(cell.source)
        if HIDING & set(tags):
            return _form(title, cell.source)
        return _code(cell.source)

    def _lowered(self, text: str, place: int) -> str:
        try:
            return lower(text, self.references)
        except MarkupError as error:
            path = self.book.notebook(self.chapter)
            where = f"{path}, cell {place}, line {error.line}"
            raise NcbookError(f"{where}: {error.what}", error.cure) from error

    def _title(self, code: str) -> str:
        """What a cell whose code is folded away is called."""
        figures = artifacts.read(self.book.artifacts(self.profile, self.chapter), "figures")
        drawn = _drawn(code)
        for place, name in enumerate(figures, start=1):
            if name in drawn:
                return number(self.chapter, place)
        return "Your numbers" if "glue(" in code else "Preparation"


def _drawn(code: str) -> set[Any]:
    """The names of the figures that a cell shows, among other arguments of the same calls."""
    calls = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
    shows = [c for c in calls if isinstance(c.func, ast.Name) and c.func.id in SHOWING]
    arguments = [a for c in shows for a in [*c.args, *(keyword.value for keyword in c.keywords)]]
    return {a.value for a in arguments if isinstance(a, ast.Constant)}


def _markdown(text: str) -> NotebookNode:
    return cast(NotebookNode, new_markdown_cell(text.strip()))  # type: ignore[no-untyped-call]


def _code(source: str, **metadata: Any) -> NotebookNode:
    return cast(NotebookNode, new_code_cell(source, metadata=metadata))  # type: ignore[no-untyped-call]


def _form(title: str, source: str, tags: list[str] | None = None) -> NotebookNode:
    """A cell whose code is folded away: Colab goes by the title, JupyterLab by its own mark."""
    marks: dict[str, Any] = {"cellView": "form", "jupyter": {"source_hidden": True}}
    if tags:
        marks["tags"] = tags
    return _code(f"#@title {title}\n{source}", **marks)
