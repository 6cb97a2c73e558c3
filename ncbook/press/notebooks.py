"""Reading and writing notebook files."""

import os
from pathlib import Path
from typing import cast

import nbformat
from nbformat import NotebookNode

from ncbook.errors import NcbookError


def load(path: Path) -> NotebookNode:
    """The notebook in a file.

    Raises:
        OSError: if there is no such file.
        ValueError, AttributeError: if it isn't a notebook.
    """
    text = path.read_text(encoding="utf-8")
    return cast(NotebookNode, nbformat.reads(text, as_version=4))  # type: ignore[no-untyped-call]


def load_source(path: Path) -> NotebookNode:
    """A chapter as its author wrote it.

    Raises:
        NcbookError: if it isn't a notebook.
    """
    try:
        return load(path)
    except (OSError, ValueError, AttributeError) as error:
        raise NcbookError(
            f"{path} is no notebook ({error})", "Restore it from the repository"
        ) from error


def save(notebook: NotebookNode, path: Path) -> None:
    """Write a notebook to a file: whole, or not at all."""
    temporary = path.with_name(f"{path.name}.tmp")
    try:
        with temporary.open("w", encoding="utf-8") as stream:
            nbformat.write(notebook, stream)  # type: ignore[no-untyped-call]
            stream.flush()
            # Without this a power cut after the rename can leave a name with nothing behind it.
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def tags(cell: NotebookNode) -> list[str]:
    """The tags of a cell."""
    return list(cell.metadata.get("tags", []))
