"""A run in the middle of its training, on disk."""

import json
import pickle
from pathlib import Path
from typing import Any

import torch

from ncbook.lab import store
from ncbook.lab.paths import writing

NAME, PROVENANCE = "checkpoint.pt", "provenance.json"


def save(folder: Path, state: dict[str, Any], provenance: dict[str, Any]) -> None:
    """Write the checkpoint of the run in ``folder``: tensors, numbers, and lists of them.

    ``provenance`` lies beside it as JSON: unfinished runs can be listed without loading them.
    """
    with writing(folder.parent):
        folder.mkdir(exist_ok=True)
    store.write_whole(folder / NAME, lambda file: torch.save(state, file))
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
