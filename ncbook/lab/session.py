"""A network in training: cross-entropy and supervised contrastive learning in one readable loop."""

import json
import math
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize
from torch.optim import SGD

import ncbook
from ncbook.batching import BatchBinding, BatchPlan, ClassBalanced, Fixed, Reshuffled
from ncbook.errors import NcbookError
from ncbook.lab import checkpoint
from ncbook.lab.config import RunConfig
from ncbook.lab.data import Dataset, augment, normalise, subset
from ncbook.lab.device import describe
from ncbook.lab.measurement import Split, embed_together, measure
from ncbook.lab.memory import fitting
from ncbook.lab.models import Network, build
from ncbook.lab.ranks.group import ALONE, Ranks
from ncbook.lab.ranks.replica import replica
from ncbook.lab.schedule import learning_rate, measured_epochs
from ncbook.supcon import supcon_loss

WATCHED = 1000  # images whose features are kept at every measurement, for pictures and spectra
Report = Callable[[int, float, float], None]  # told after every epoch: epoch, loss, last NC1


@dataclass
class Session:
    """A network in training, with all that its checkpoint has to hold; on several ranks, on each.

    All ranks do the same with the same whole batches and measurements, but for their shares of the
    images, which alone go through the network.
    """

    config: RunConfig
    dataset: Dataset
    device: torch.device
    ranks: Ranks = ALONE
    epoch: int = 0
    batch: int = 0  # of this epoch, the next one to train on
    losses: list[Tensor] = field(default_factory=list)  # of this epoch's batches so far
    streams: dict[str, Tensor] = field(default_factory=dict)  # random ones, in mid-epoch
    seconds: float = 0.0
    history: list[dict[str, Any]] = field(default_factory=list)
    means: list[Tensor] = field(default_factory=list)
    snapshots: list[Tensor] = field(default_factory=list)
    test_snapshots: list[Tensor] = field(default_factory=list)
    weights: list[Tensor] = field(default_factory=list)
    biases: list[Tensor] = field(default_factory=list)

    def __post_init__(self) -> None:
        _require_fitting(self.config, self.dataset)
        part, put = subset(self.dataset, self.config.subset), self._on_device
        self.train = put(part.train_images, part.train_labels)
        self.test = put(part.test_images, part.test_labels)
        self.plan = _plan(self.config, part.train_labels)
        self.generator = torch.Generator()  # of augmentation
        network = _initialise(self.config).to(memory_format=torch.channels_last)
        self.network = network.to(self.device)
        self.optimiser = _optimiser(self.network, self.config)
        self.replica = replica(self.network, self.device, self.config.loss, self.ranks)

    def _on_device(self, images: np.ndarray, labels: np.ndarray) -> Split:
        pixels = normalise(torch.as_tensor(np.ascontiguousarray(images)), self.dataset.name)
        pixels = pixels.to(self.device, memory_format=torch.channels_last)
        return pixels, torch.as_tensor(labels, device=self.device)

    def run_to_the_end(self, folder: Path, report: Report) -> None:
        """Train the remaining epochs, measure on schedule, leave checkpoints in ``folder``."""
        schedule = set(measured_epochs(self.config.epochs, self.config.measurements))
        keeper = checkpoint.Keeper(folder)

        def pause() -> None:
            if self.ranks.first:
                keeper.save_if_due(self.state, self.provenance)

        if not self.history:
            self.record(loss=None)
        while self.epoch < self.config.epochs:
            loss = self.run_epoch(pause)
            if self.epoch in schedule:
                self.record(loss)
            report(self.epoch, loss, self.history[-1]["nc1"])

    def run_epoch(self, pause: Callable[[], None] = lambda: None) -> float:
        """Train on what is left of an epoch; returns the mean loss of all its batches.

        Args:
            pause: called between two steps, where a checkpoint can be taken: an epoch of a large
                network may outlast the time that a machine is lent for.
        """
        rate = learning_rate(self.config, self.epoch)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.network.train()
        with torch.random.fork_rng():
            self._begin_streams()
            begun = time.monotonic()
            for images, labels in self.batches():
                # Where others have to take part, no rank can try a smaller batch on its own.
                attempt = partial(self._try, images) if self.ranks.size == 1 else None
                with fitting(len(images), describe(self.device), attempt):
                    self.losses.append(self.step(images, labels))
                self.batch += 1
                self.seconds += time.monotonic() - begun
                pause()
                begun = time.monotonic()
        return self._end_epoch()

    def _end_epoch(self) -> float:
        begun = time.monotonic()
        loss = torch.stack(self.losses).mean().item()  # waits for an accelerator to get this far
        self.seconds += time.monotonic() - begun
        self.epoch, self.batch, self.losses = self.epoch + 1, 0, []
        if not math.isfinite(loss):
            raise self._diverged(self.epoch, f"the loss is {loss}")
        return loss

    def _diverged(self, epoch: int, sign: str) -> NcbookError:
        return NcbookError(
            f"Training diverged in epoch {epoch}: {sign}",
            f"Lower the learning rate (now {self.config.lr}) or raise the temperature",
        )

    def _begin_streams(self) -> None:
        """Set torch's random numbers to where this epoch begins, or goes on."""
        # From (seed, epoch) alone: only a checkpoint in mid-epoch needs the generators' states.
        torch.manual_seed(self.config.seed * 1_000_003 + self.epoch)
        if self.batch:
            torch.set_rng_state(self.streams["torch"])
            if self.device.type == "cuda":
                torch.cuda.set_rng_state(self.streams["cuda"], self.device)

    def _streams(self) -> dict[str, Tensor]:
        """Where the random numbers of this epoch are."""
        states = {"torch": torch.get_rng_state(), "augmentation": self.generator.get_state()}
        if self.device.type == "cuda":
            states["cuda"] = torch.cuda.get_rng_state(self.device)
        return states

    def batches(self) -> Iterator[Split]:
        """The epoch's batches that are left, as the configuration plans them.

        Of each: this rank's share of the images, and the labels of the whole batch. Augmentation is
        drawn for the whole batch on every rank, so that an image gets the same whoever has it.
        """
        self.plan.set_epoch(self.epoch, self.batch)
        self.generator.manual_seed(self.config.seed * 1_000_003 + self.epoch)
        if self.batch:
            self.generator.set_state(self.streams["augmentation"])
        images, labels = self.train
        for planned in self.plan.batches():
            rows = planned.to(self.device)
            batch = images[rows]
            if self.config.augment:
                batch = augment(batch, self.generator, self.config.crop_margin)
            yield self.ranks.share(batch), labels[rows]

    def step(self, images: Tensor, labels: Tensor) -> Tensor:
        """One step of gradient descent; returns the whole batch's loss, detached.

        Args:
            images: (m, C, H, W), this rank's share of the batch.
            labels: (n,) of the whole batch.
        """
        half = self.config.precision == "bfloat16"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=half):
            features, logits, rate = self.replica(images)
        if self.config.loss == "ce":
            loss = cross_entropy(self.ranks.join(logits.float(), len(labels)), labels)
        else:
            unit = self.ranks.join(normalize(features.float()), len(labels))  # (n, d)
            loss = self._contrast(unit, labels)
        if rate is not None:
            loss = loss + self.config.compression * rate
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        return loss.detach()

    def _contrast(self, unit: Tensor, labels: Tensor) -> Tensor:
        """The supervised contrastive loss of the whole batch, unit rows (n, d)."""
        try:
            return supcon_loss(unit, labels, self.config.temperature)
        except ValueError:
            if unit.isfinite().all():  # then it's the labels
                raise
            raise self._diverged(self.epoch + 1, "features are not finite") from None

    def _try(self, images: Tensor, count: int) -> None:
        """Forward and backward through some images, as far as memory goes like a step."""
        self.optimiser.zero_grad()
        half = self.config.precision == "bfloat16"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=half):
            features = self.network(images[:count]).features
        features.float().sum().backward()

    def record(self, loss: float | None) -> None:
        """Measure the network as it is now and add a row to the history."""
        found = measure(self.network, self.config, self.train, self.test, self.ranks)
        rate = self.optimiser.param_groups[0]["lr"]
        row = {"epoch": self.epoch, "loss": loss, "lr": rate, "seconds": self.seconds}
        self.history.append(row | found["row"])
        self.means.append(found["means"])
        self.snapshots.append(found["features"][_watched(self.train)])
        self.test_snapshots.append(found["test_features"][_watched(self.test)])
        if self.network.classifier is not None:
            self.weights.append(self.network.classifier.weight.detach().cpu().clone())
            self.biases.append(self.network.classifier.bias.detach().cpu().clone())

    def state(self) -> dict[str, Any]:
        """All that a checkpoint holds."""
        return {
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "progress": {name: getattr(self, name) for name in _PROGRESS},
            "streams": self._streams(),
        }

    def resume(self, folder: Path) -> None:
        """Go back to the last checkpoint in ``folder``, if there is one."""
        state = self.ranks.in_turn(lambda: checkpoint.load(folder))
        if state:
            self.network.load_state_dict(state["network"])
            self.optimiser.load_state_dict(state["optimiser"])
            for name in _PROGRESS:
                setattr(self, name, state["progress"][name])
            self.losses = [loss.to(self.device) for loss in self.losses]
            self.streams = state["streams"]

    def write(self, features: dict[str, Tensor], folder: Path) -> None:
        """Write the finished run's files, with its `final_features`, into ``folder``."""
        weights = {k: v.cpu().contiguous() for k, v in self.network.state_dict().items()}
        tensors = {"weights": weights, "path": self.path(), "features": features}
        for name, values in tensors.items():
            # Not by `save_file`: the error by which it tells of a full disk is no OSError.
            (folder / f"{name}.safetensors").write_bytes(save(values))
        rows = "".join(json.dumps(row) + "\n" for row in self.history)
        (folder / "history.jsonl").write_text(rows, encoding="utf-8")
        facts = {"config": self.config.to_dict(), "provenance": self.provenance()}
        for name, values in facts.items():
            (folder / f"{name}.json").write_text(json.dumps(values, indent=1), encoding="utf-8")

    def path(self) -> dict[str, Tensor]:
        """What was kept at every measurement, stacked, and whose it is."""
        kept = {
            "means": self.means,
            "features": self.snapshots,
            "test_features": self.test_snapshots,
        }
        if self.weights:
            kept |= {"weights": self.weights, "biases": self.biases}
        splits = {"labels": self.train, "test_labels": self.test}
        owners = {name: part[1].cpu()[_watched(part)] for name, part in splits.items()}
        return {name: torch.stack(parts) for name, parts in kept.items()} | owners

    def final_features(self) -> dict[str, Tensor]:
        """Raw features and labels of both splits, on every rank."""
        found = {}
        for split, (images, labels) in {"train": self.train, "test": self.test}.items():
            found[f"{split}_features"] = embed_together(self.network, images, self.ranks).cpu()
            found[f"{split}_labels"] = labels.cpu()
        return found

    def provenance(self) -> dict[str, Any]:
        """Where, when and with what the run was made."""
        return {
            "label": self.config.label,
            "epochs": self.epoch,
            "seconds": round(self.seconds, 2),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "device": describe(self.device),
            "data": self.dataset.name,
            "data_source": self.dataset.source,
            "data_digest": self.dataset.digest,
            "fallback": self.dataset.fallback,
            "ncbook": ncbook.__version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
            **self.ranks.facts(),
        }


def _require_fitting(config: RunConfig, dataset: Dataset) -> None:
    classes = dataset.num_classes * config.subset.orientations
    if config.model.num_classes != classes:
        raise NcbookError(
            f"The model's num_classes is {config.model.num_classes}, and the images of"
            f" {dataset.name} make {classes} classes",
            f"Give num_classes={classes}",
            2,
        )


def _plan(config: RunConfig, labels: np.ndarray) -> BatchPlan:
    """How the run cuts its training images, labels (n,), into batches."""
    plan: BatchPlan
    if config.batching == "balanced":
        per_class = config.batch_size // config.model.num_classes
        plan = ClassBalanced(labels, per_class, config.seed)
    else:
        cut = Fixed if config.batching == "fixed" else Reshuffled
        plan = cut(labels, config.batch_size, config.seed)
    return BatchBinding(plan, labels, config.bind)


def _watched(split: Split) -> Tensor:
    """Rows of the images whose features are kept at every measurement."""
    n = len(split[1])
    return torch.arange(n)[:: math.ceil(n / WATCHED)]


_PROGRESS = (
    "epoch",
    "batch",
    "losses",
    "seconds",
    "history",
    "means",
    "snapshots",
    "test_snapshots",
    "weights",
    "biases",
)


def _initialise(config: RunConfig) -> Network:
    # A fork, so that a reader's own random numbers don't change when a chapter trains.
    with torch.random.fork_rng():
        torch.manual_seed(config.seed)
        return build(config.model)


def _optimiser(network: Network, config: RunConfig) -> SGD:
    trained = [p for p in network.parameters() if p.requires_grad]
    kernels = [p for p in trained if p.ndim == 4]
    others = [p for p in trained if p.ndim != 4]
    decay = config.weight_decay if config.kernel_decay is None else config.kernel_decay
    groups: list[dict[str, Any]] = [{"params": kernels, "weight_decay": decay}, {"params": others}]
    return SGD(groups, config.lr, config.momentum, weight_decay=config.weight_decay)
