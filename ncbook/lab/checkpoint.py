"""A run in the middle of its training, on disk."""

import io
import json
import pickle
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from ncbook.errors import NcbookError
from ncbook.lab import shared, store
from ncbook.lab.paths import writing

NAME, PROVENANCE = "checkpoint.pt", "provenance.json"
# Seconds between two checkpoints: a kill loses little. Large networks take seconds to write, so the
# pause grows to thirty times that, a loss of three per cent, but never beyond a minute.
LEAST_PAUSE, MOST_PAUSE, TIMES_WRITING = 5.0, 60.0, 30


class Keeper:
    """Takes a run's checkpoints: often enough to lose little, seldom enough to cost little."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pause = LEAST_PAUSE
        self.saved = time.monotonic()
        self.uploads = shared.Uploads()

    def save_if_due(
        self, state: Callable[[], dict[str, Any]], provenance: Callable[[], dict[str, Any]]
    ) -> None:
        """Take one if the pause is over."""
        begun = time.monotonic()
        if begun - self.saved > self.pause:
            save(self.folder, state(), provenance())
            self.saved = time.monotonic()
            self.pause = min(MOST_PAUSE, max(LEAST_PAUSE, TIMES_WRITING * (self.saved - begun)))
            self.uploads.send_if_due(self.folder / NAME)


def save(folder: Path, state: dict[str, Any], provenance: dict[str, Any]) -> None:
    """Write the checkpoint of the run in ``folder``: tensors, numbers, and lists of them.

    ``provenance`` lies beside it as JSON: unfinished runs can be listed without loading them.
    """
    with writing(folder.parent):
        folder.mkdir(exist_ok=True)
    # Through memory: torch's own writer has no word for a full disk.
    packed = io.BytesIO()
    torch.save(state, packed)
    store.write_whole(folder / NAME, lambda file: file.write_bytes(packed.getbuffer()))
    text = json.dumps(provenance, indent=1)
    store.write_whole(folder / PROVENANCE, lambda file: file.write_text(text, encoding="utf-8"))


def load(folder: Path) -> dict[str, Any] | None:
    """The last checkpoint, or None; one that can't be read is set aside: the run starts afresh."""
    file = folder / NAME
    if not file.is_file():
        return None
    try:
        # weights_only: a checkpoint can't run code, even a tampered one. What was measured stays
        # off the accelerator; the network and its optimiser move their own parts there.
        state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        store.set_aside(file, str(error).splitlines()[0])
        return None
    return state


@contextmanager
def noting_failure(note: Path) -> Iterator[None]:
    """Leaves in the file ``note`` why a run failed, for whoever asks what became of it."""
    note.unlink(missing_ok=True)
    try:
        yield
    except NcbookError as error:
        # Not what was asked for wrongly, nor a disk's failure: that one can't take a note either.
        if error.exit_code == 1 and not isinstance(error.__cause__, OSError):
            text = json.dumps({"cause": error.cause, "cure": error.cure})
            store.write_whole(note, lambda file: file.write_text(text, encoding="utf-8"))
        raise
