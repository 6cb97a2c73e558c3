"""Where everything of a book lies, from its root folder."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from ncbook.errors import NcbookError

Edition = Literal["instructor", "student"]  # everything, or all but solutions and teaching notes
EDITIONS: tuple[Edition, ...] = get_args(Edition)
INSTRUCTORS = "book/instructors"  # the page that students don't get


@dataclass(frozen=True)
class Repository:
    """Where the book's sources and its built site are published.

    Attributes:
        url: of the repository.
        branch: of the sources.
        pages_branch: that the built site is published on.
    """

    url: str
    branch: str
    pages_branch: str


@dataclass(frozen=True)
class Book:
    """A checkout: its sources, and the folders that executing and building fill.

    Attributes:
        root: the folder with ``_config.yml``, ``_toc.yml`` and ``book/``.
        edition: which of its editions is meant where they differ.
    """

    root: Path
    edition: Edition = "instructor"

    @property
    def source(self) -> Path:
        """The text: notebooks without outputs, Markdown pages, bibliography."""
        return self.root / "book"

    @property
    def claims_file(self) -> Path:
        """What the papers claim."""
        return self.source / "claims.yml"

    @property
    def reference(self) -> Path:
        """Results of runs at the papers' own size, there or not."""
        return self.root / "reference"

    @property
    def made(self) -> Path:
        """The folder of everything that can be made again."""
        return self.root / "_build"

    @property
    def html(self) -> Path:
        """The built site of this edition."""
        return self.made / ("student" if self.edition == "student" else "html")

    def notebook(self, chapter: str) -> Path:
        """A chapter's source."""
        return self.source / f"{chapter}.ipynb"

    def executed(self, profile: str) -> Path:
        """The folder of the chapters executed in a profile."""
        return self.made / "executed" / profile

    def copy(self, profile: str, chapter: str) -> Path:
        """A chapter's executed copy."""
        return self.executed(profile) / f"{chapter}.ipynb"

    def artifacts(self, profile: str, chapter: str) -> Path:
        """What a chapter left besides its notebook: figures, numbers, verdicts."""
        return self.executed(profile) / "artifacts" / chapter

    @property
    def pages(self) -> list[str]:
        """All pages of the table of contents in its order, such as ``book/intro``."""
        return [self.contents["root"], *_files(self.contents)]

    @cached_property
    def settings(self) -> dict[str, Any]:
        """The content of ``_config.yml``.

        Raises:
            NcbookError: if it is missing or not YAML.
        """
        path = self.root / "_config.yml"
        try:
            content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, yaml.YAMLError) as error:
            raise NcbookError(
                f"{path} can't be read ({error})", "Restore it from the repository"
            ) from error
        return content

    @property
    def repository(self) -> Repository | None:
        """Where the book is published, if ``_config.yml`` says so."""
        said = self.settings.get("repository") or {}
        if not said.get("url"):
            return None
        branches = said.get("branch", "main"), said.get("pages_branch", "gh-pages")
        return Repository(said["url"].rstrip("/").removesuffix(".git"), *branches)

    @property
    def site(self) -> str | None:
        """The address of the online book without a final slash, if ``_config.yml`` gives one."""
        address = (self.settings.get("html") or {}).get("baseurl")
        return address.rstrip("/") if address else None

    @cached_property
    def contents(self) -> dict[str, Any]:
        """The table of contents of this edition.

        Raises:
            NcbookError: if ``_toc.yml`` is missing or not one.
        """
        path = self.root / "_toc.yml"
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
            found = {"root": content["root"]} | content  # raises here if it isn't one
        except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
            raise NcbookError(
                f"{path} is no table of contents ({error})", "Restore it from the repository"
            ) from error
        students: dict[str, Any] = _without(INSTRUCTORS, found)
        return found if self.edition == "instructor" else students

    @property
    def chapters(self) -> list[str]:
        """The pages that are notebooks, by name, in the order of the table of contents."""
        names = [Path(page).name for page in self.pages]
        return [name for name in names if self.notebook(name).is_file()]

    def find(self, names: list[str] | None) -> list[str]:
        """The chapters meant by names or their beginnings, such as ``06``; None means all.

        Raises:
            NcbookError: if a name fits no chapter or several (exit code 2).
        """
        return self.chapters if names is None else [self._find(name) for name in names]

    def _find(self, name: str) -> str:
        found = [chapter for chapter in self.chapters if chapter.startswith(name)]
        if name in found:
            return name
        if len(found) != 1:
            what = "No chapter's name begins" if not found else "Several chapters' names begin"
            known = ", ".join(self.chapters)
            raise NcbookError(f"{what} with {name!r}", f"The chapters are {known}", 2)
        return found[0]


def _files(node: Any) -> list[str]:
    """Every ``file`` below a node of the table of contents, in order."""
    if isinstance(node, list):
        return [file for child in node for file in _files(child)]
    if not isinstance(node, dict):
        return []
    return [*([node["file"]] if "file" in node else []), *_files(list(node.values()))]


def _without(file: str, node: Any) -> Any:
    """A table of contents without the entries of one file."""
    if isinstance(node, list):
        return [_without(file, child) for child in node if not _is_entry(file, child)]
    if isinstance(node, dict):
        return {key: _without(file, value) for key, value in node.items()}
    return node


def _is_entry(file: str, node: Any) -> bool:
    return isinstance(node, dict) and node.get("file") == file
