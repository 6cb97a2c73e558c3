"""What the run store holds, told without opening a run: thousands of runs take a moment.

Torch isn't needed here, and loading it would take longer than the list.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from ncbook.errors import NcbookError
from ncbook.lab import store
from ncbook.lab.paths import runs_dir

State = Literal["finished", "unfinished", "damaged"]
UNFINISHED, DAMAGED, FAILED = ".partial", ".damaged-", ".failed.json"
INDEX = "index.json"


@dataclass(frozen=True)
class RunRecord:
    """A line of ``ncbook runs list``."""

    id: str
    label: str
    state: State
    epochs: int
    seconds: float
    created: str
    bytes: int


def list_runs() -> list[RunRecord]:
    """All runs in the store, finished, unfinished and damaged, the newest first."""
    index = _Index.load()
    with os.scandir(runs_dir()) as entries:
        found = [index.record(entry) for entry in entries if entry.is_dir()]
    index.save()
    return sorted(filter(None, found), key=lambda record: record.created, reverse=True)


class _Index:
    """Records of finished runs, which don't change, by folder and the time of its last change."""

    def __init__(self, known: dict[str, Any]) -> None:
        self._known = known
        self._met: dict[str, Any] = {}

    @classmethod
    def load(cls) -> "_Index":
        try:
            return cls(json.loads((runs_dir() / INDEX).read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError):  # none yet, or damaged: it is made anew
            return cls({})

    def record(self, folder: "os.DirEntry[str]") -> RunRecord | None:
        """The record of a folder, or None if it has gone in the meantime."""
        try:
            changed = folder.stat().st_mtime_ns
            time, facts = self._known.get(folder.name, (None, None))
            record = RunRecord(**facts) if time == changed else _record(folder)
        except FileNotFoundError:  # a run that has just finished leaves its unfinished folder
            return None
        if record.state == "finished":
            self._met[folder.name] = [changed, asdict(record)]
        return record

    def save(self) -> None:
        """Keep what was met, if it isn't what was known."""
        if self._met == self._known:
            return
        text = json.dumps(self._met)
        try:
            store.write_whole(runs_dir() / INDEX, lambda file: file.write_text(text, "utf-8"))
        except NcbookError:
            return  # a full disk: the next list takes longer, and is as right


def _record(folder: "os.DirEntry[str]") -> RunRecord:
    # Of a folder, one look and one small file.
    with os.scandir(folder) as entries:
        sizes = {entry.name: entry.stat().st_size for entry in entries}
    facts: dict[str, Any] = {}
    if "provenance.json" in sizes:
        facts = json.loads(Path(folder.path, "provenance.json").read_text(encoding="utf-8"))
    return RunRecord(
        id=folder.name,
        label=facts.get("label", "?"),
        state=_state(folder.name, store.MANIFEST in sizes),
        epochs=facts.get("epochs", 0),
        seconds=facts.get("seconds", 0.0),
        created=facts.get("created", ""),
        bytes=sum(sizes.values()),
    )


def _state(name: str, sealed: bool) -> State:
    """What a folder's name says, and whether it holds checksums, which loading compares."""
    if name.endswith(UNFINISHED):
        return "unfinished"
    return "finished" if sealed and DAMAGED not in name else "damaged"
