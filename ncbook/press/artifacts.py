"""What an executing chapter leaves for the book besides its notebook: figures, numbers, verdicts.

`ncbook.press.execute` names the folder in the environment. Without one, a notebook is in a reader's
hands, and nothing is written.
"""

import json
import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import ncbook
from ncbook import journal
from ncbook.errors import NcbookError

FOLDER, CHAPTER, PROFILE = "NCBOOK_ARTIFACTS", "NCBOOK_CHAPTER", "NCBOOK_PROFILE"
KERNEL = "kernel.json"
SHOWN_VERSIONS = ("torch", "numpy", "matplotlib")
INTERACTIVE = "interactive"
Kind = Literal["figures", "glue", "claims"]


def folder() -> Path | None:
    """The folder of the chapter being executed, or None outside the book."""
    value = os.environ.get(FOLDER)
    return Path(value) if value else None


def chapter() -> str:
    """The name of the chapter being executed, or ``interactive``."""
    return os.environ.get(CHAPTER, INTERACTIVE)


def profile() -> str:
    """The profile of the execution, or ``interactive``."""
    return os.environ.get(PROFILE, INTERACTIVE)


def device() -> str:
    """The devices that this process's runs were trained on; without runs, the processor."""
    trained = dict.fromkeys(run["device"] for run in journal.notes("run"))
    return ", ".join(trained) or f"CPU {platform.machine()}"


def record(kind: Kind, name: str, value: dict[str, Any]) -> int:
    """Add one entry to ``<kind>.json`` and return how many there are now; outside the book, 0.

    Raises:
        NcbookError: if this chapter has an entry of that kind and name already.
    """
    where = folder()
    if where is None:
        return 0
    entries = read(where, kind)
    if name in entries:
        raise NcbookError(
            f"Chapter {chapter()} records {kind} {name!r} twice", "Give each its own name"
        )
    entries[name] = value
    where.mkdir(parents=True, exist_ok=True)
    text = json.dumps(entries, indent=1, ensure_ascii=False)
    (where / f"{kind}.json").write_text(text, encoding="utf-8")
    return len(entries)


def leave() -> None:
    """Write down which modules, versions, data and runs this process used, as its last act."""
    where = folder()
    if where is None:
        return
    loaded = [module.__file__ for name, module in sys.modules.items() if _ours(name)]
    package = Path(ncbook.__file__).parent
    facts = {
        "modules": sorted(Path(file).relative_to(package).as_posix() for file in loaded if file),
        "versions": {name: version(name) for name in SHOWN_VERSIONS if name in sys.modules},
        "data": journal.notes("data"),
        "runs": journal.notes("run"),
        "device": device(),
    }
    where.mkdir(parents=True, exist_ok=True)
    (where / KERNEL).write_text(json.dumps(facts, indent=1), encoding="utf-8")


def _ours(module: str) -> bool:
    return module.split(".")[0] == "ncbook"


def read(where: Path, kind: Kind) -> dict[str, Any]:
    """The entries of one kind that a chapter recorded in the folder ``where``, by name."""
    path = where / f"{kind}.json"
    if not path.is_file():
        return {}
    entries: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return entries
