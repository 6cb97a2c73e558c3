"""A run in the middle of its training, on disk."""

import pickle
from pathlib import Path
from typing import Any

import torch

from ncbook.lab import store

NAME = "checkpoint.pt"


def save(folder: Path, state: dict[str, Any]) -> None:
    """Write tensors, numbers and lists of them as the checkpoint of the run in ``folder``."""
    with store.disk_errors(folder):
        folder.mkdir(exist_ok=True)
    store.write_whole(folder / NAME, lambda file: torch.save(state, file))


def load(folder: Path, device: torch.device) -> dict[str, Any] | None:
    """The last checkpoint, or None; one that can't be read is set aside, so the run starts afresh."""
    file = folder / NAME
    if not file.is_file():
        return None
    try:
        # weights_only: a checkpoint can't run code, even a tampered one.
        state: dict[str, Any] = torch.load(file, map_location=device, weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        store.set_aside(file, str(error).splitlines()[0])
        return None
    return state
