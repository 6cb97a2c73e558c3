"""The stamp on an executed chapter: what it was made from, and whether that still stands.

A chapter must be executed again if its own source changed, or a module of this package that it
loaded, or a claim that it measures. What it did not load can't have changed its output; and what
only the training of stored runs depends on is part of the runs' names, not of the chapter.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

import ncbook
from ncbook.press import notebooks
from ncbook.press.book import Book
from ncbook.press.claimfile import load_claims

KEY = "ncbook_stamp"
PACKAGE = Path(ncbook.__file__).parent


@dataclass(frozen=True)
class Stamp:
    """What is known of an execution.

    Attributes:
        source: hash of the chapter's source.
        claims: hash of the claims that belong to it.
        modules: hash of each module of this package that it loaded, by path.
        artifacts: hash of the files it left besides the notebook.
        content: hash of the executed notebook itself, this stamp aside.
        parameters: what was injected: profile, seed and device as asked for.
        device: what its runs were trained on.
        data: the data sets it opened, each with ``name``, ``source`` and ``fallback``.
        versions: of ncbook, Python, and the libraries whose numbers it shows.
        date: when it was finished, UTC.
        seconds: how long it took.
        peak_memory: bytes, of the kernel and its child processes together.
        trained, loaded: how many runs were trained in it, and how many found in the store.
    """

    source: str
    claims: str
    modules: dict[str, str]
    artifacts: str
    content: str
    parameters: dict[str, Any]
    device: str
    data: list[dict[str, Any]]
    versions: dict[str, str]
    date: str
    seconds: float
    peak_memory: int
    trained: int
    loaded: int

    @property
    def fallback(self) -> str | None:
        """The data set that stood in for the one asked for, or None."""
        return next((facts["name"] for facts in self.data if facts["fallback"]), None)


class DamagedError(Exception):
    """An executed notebook that isn't as it was written."""


def read(path: Path) -> tuple[NotebookNode, Stamp]:
    """An executed notebook and its stamp.

    Raises:
        DamagedError: if it is cut off, altered, or has no stamp.
    """
    try:
        notebook = notebooks.load(path)
        stamp = Stamp(**notebook.metadata[KEY])
    except (ValueError, AttributeError) as error:  # what nbformat raises for other JSON, or none
        raise DamagedError("it is no whole notebook") from error
    except (KeyError, TypeError) as error:
        raise DamagedError("it has no stamp of this version") from error
    if stamp.content != hash_content(notebook):
        raise DamagedError("its content isn't what was written")
    return notebook, stamp


def put(notebook: NotebookNode, stamp: Stamp) -> None:
    """Write a stamp into a notebook's metadata."""
    notebook.metadata[KEY] = asdict(stamp)


def find_staleness(book: Book, chapter: str, profile: str) -> str | None:
    """Why a chapter must be executed (again) in a profile, or None if it needn't.

    Raises:
        DamagedError: if the executed copy is damaged.
    """
    path = book.copy(profile, chapter)
    if not path.is_file():
        return "never executed"
    _, stamp = read(path)
    if stamp.source != hash_source(book.notebook(chapter)):
        return "its source changed"
    if stamp.claims != hash_claims(book, chapter):
        return "its claims changed"
    if stamp.artifacts != hash_folder(book.artifacts(profile, chapter)):
        return "its figures and numbers aren't the ones it left"
    changed = [name for name, digest in stamp.modules.items() if _hash_module(name) != digest]
    return f"{changed[0]} changed" if changed else None


def hash_source(path: Path) -> str:
    """Hash of what an author writes: cells, their metadata, and the notebook's ``ncbook`` entry.

    Outputs, execution counts and what an editor notes of kernel and Python version don't count.

    Raises:
        NcbookError: if the notebook can't be read.
    """
    notebook = notebooks.load_source(path)
    cells = [[cell.cell_type, cell.source, cell.metadata] for cell in notebook.cells]
    return _hash_json([cells, notebook.metadata.get("ncbook")])


def hash_claims(book: Book, chapter: str) -> str:
    """Hash of the claims that a chapter measures, without the verdicts expected of them."""
    if not book.claims_file.is_file():
        return _hash_json([])
    claims = load_claims(book.claims_file).claims.values()
    return _hash_json([asdict(c) | {"expect": None} for c in claims if c.chapter == chapter])


def hash_modules() -> dict[str, str]:
    """Hash of every module of this package, by its path within it."""
    names = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))
    return {name: _hash_module(name) for name in names}


def _hash_module(name: str) -> str:
    path = PACKAGE / name
    # As text, so that a checkout with Windows line ends has the same hashes.
    return _hash([path.read_text(encoding="utf-8").encode()]) if path.is_file() else "gone"


def hash_content(notebook: NotebookNode) -> str:
    """Hash of an executed notebook without its stamp."""
    metadata = {key: value for key, value in notebook.metadata.items() if key != KEY}
    return _hash_json([notebook.cells, metadata])


def hash_folder(folder: Path) -> str:
    """Hash of all files below a folder, names included; a missing folder counts as an empty one."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    parts = ((file.relative_to(folder).as_posix().encode(), file.read_bytes()) for file in files)
    return _hash(piece for part in parts for piece in part)


def _hash_json(value: Any) -> str:
    return _hash([json.dumps(value, sort_keys=True).encode()])


def _hash(parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()
