"""The run store: finished runs to read, and what the command line does with them."""

import json
import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from ncbook.errors import NcbookError
from ncbook.lab import store
from ncbook.lab.config import RunConfig
from ncbook.lab.listing import State, list_runs
from ncbook.lab.models import Network, build
from ncbook.lab.paths import runs_dir, writing


@dataclass(frozen=True)
class Run:
    """A finished training run, read from the store.

    Attributes:
        folder: where its files lie.
        config: what was trained.
        history: one dictionary for each measured epoch: ``epoch``, ``loss``, ``train_accuracy``,
            ``test_accuracy``, ``lr``, ``seconds``, ``mean_cosine`` of the class means, and the
            fields of a `CollapseReport`.
        provenance: versions, device, data source and date.
    """

    folder: Path
    config: RunConfig
    history: list[dict[str, Any]]
    provenance: dict[str, Any]

    @property
    def id(self) -> str:
        """The run's name in the store."""
        return self.folder.name

    @property
    def epochs(self) -> list[int]:
        """The measured epochs; 0 is the untrained network."""
        return [row["epoch"] for row in self.history]

    @property
    def terminal_epoch(self) -> int | None:
        """Where the terminal phase begins: from this measured epoch on there's no training mistake.

        None if the last measurement still has one.
        """
        begin = None
        for row in reversed(self.history):
            if row["train_accuracy"] < 1:
                break
            begin = row["epoch"]
        return begin

    def curve(self, name: str) -> list[float]:
        """One column of the history, in the order of `epochs`."""
        return [row[name] for row in self.history]

    @cached_property
    def path(self) -> dict[str, Tensor]:
        """The way of the features, as the loss sees them, through the measured epochs.

        ``means``: class means of all training images, (epochs, k, d); ``features`` of at most 1,000
        of these images, (epochs, m, d), and their ``labels``, (m,); ``test_features`` and
        ``test_labels`` likewise, of at most 1,000 test images; with a classifier also its
        ``weights``, (epochs, k, d), and ``biases``, (epochs, k).
        """
        return load_file(self.folder / "path.safetensors")

    def features(self, split: str = "train", raw: bool = False) -> tuple[Tensor, Tensor]:
        """Features of the finished network and their labels, (n, d) and (n,).

        They come as the loss sees them: after supervised contrastive training with unit rows, after
        cross-entropy as they are. ``raw`` leaves out the normalisation.

        Raises:
            ValueError: if ``split`` is neither ``train`` nor ``test``.
        """
        if split not in ("train", "test"):
            raise ValueError(f"split must be 'train' or 'test', got {split!r}")
        stored = load_file(self.folder / "features.safetensors")
        features, labels = stored[f"{split}_features"], stored[f"{split}_labels"]
        return (features if raw else as_loss_sees(features, self.config)), labels

    def model(self) -> Network:
        """The trained network, on the CPU, in evaluation mode."""
        network = build(self.config.model)
        network.load_state_dict(load_file(self.folder / "weights.safetensors"))
        return network.eval()


def as_loss_sees(features: Tensor, config: RunConfig) -> Tensor:
    """Unit rows for the supervised contrastive loss, unchanged for cross-entropy, (n, d)."""
    return torch.nn.functional.normalize(features, dim=1) if config.loss == "scl" else features


def load_run(run_id: str) -> Run | None:
    """The finished run of that name, or None; a damaged one is set aside and counts as absent."""
    folder = runs_dir() / run_id
    if not folder.is_dir():
        return None
    damaged = store.find_damage(folder)
    if damaged:
        store.set_aside(folder, damaged)
        return None
    return _read(folder)


def _read(folder: Path) -> Run:
    lines = (folder / "history.jsonl").read_text(encoding="utf-8").splitlines()
    return Run(
        folder,
        RunConfig.from_dict(_json(folder / "config.json")),
        [json.loads(line) for line in lines],
        _json(folder / "provenance.json"),
    )


def find_run(prefix: str) -> Run:
    """The one finished run whose id begins with ``prefix``.

    Raises:
        NcbookError: if there is none, several, or the one is damaged.
    """
    run = load_run(_one_folder(prefix, "finished").name)
    if run is None:
        raise NcbookError(f"Run {prefix} is damaged and was set aside", "Train it again")
    return run


def remove_run(prefix: str) -> Path:
    """Delete the one run, in any state, whose id begins with ``prefix``; returns its folder."""
    folder = _one_folder(prefix)
    shutil.rmtree(folder)
    return folder


def export_run(prefix: str, target: Path) -> Path:
    """Copy the one finished run whose id begins with ``prefix`` into ``target``.

    Raises:
        NcbookError: if there is no such run, or the copy is there already.
    """
    run = find_run(prefix)
    copy = target / run.id
    if copy.exists():
        raise NcbookError(f"{copy} is there already", "Choose another folder or remove it", 2)
    with writing(target):
        shutil.copytree(run.folder, copy)
    return copy


def _one_folder(prefix: str, state: State | None = None) -> Path:
    found = [r for r in list_runs() if r.id.startswith(prefix) and state in (None, r.state)]
    if len(found) != 1:
        what = "No run" if not found else f"{len(found)} runs"
        raise NcbookError(f"{what} with an id that begins {prefix!r}", "See ncbook runs list", 2)
    return runs_dir() / found[0].id


def _json(file: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return values
