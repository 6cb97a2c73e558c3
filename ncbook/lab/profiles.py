"""The book's experiments, and how large each one is in each profile."""

import dataclasses
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ncbook.errors import NcbookError
from ncbook.lab.config import RunConfig
from ncbook.lab.data import SubsetConfig
from ncbook.lab.models import ModelConfig
from ncbook.lab.parallel import train_all
from ncbook.lab.runs import Run

Settings = dict[str, Any]
Key = TypeVar("Key", bound=Hashable)

_LAPTOP_CE: Settings = {
    "train_size": 500,
    "epochs": 200,
    "batch_size": 50,
    "weight_decay": 1e-2,
    "kernel_decay": 1e-3,
}
_LAPTOP_SCL: Settings = {"epochs": 72, "weight_decay": 5e-3, "test_size": 200}
_WHOLE: Settings = {
    "train_size": 50_000,
    "test_size": 10_000,
    "arch": "resnet18",
    "augment": True,
}

# What an experiment is, at any size.
EXPERIMENTS: dict[str, Settings] = {
    "ce": {"loss": "ce"},
    # Two bound images of each class in every batch, or small classes would hardly ever meet.
    "scl": {"loss": "scl", "classifier": False, "bind": 2},
}
EXPERIMENTS["scl-step10"] = EXPERIMENTS["scl"] | {"imbalance": "step", "ratio": 10.0}
EXPERIMENTS["scl-step100"] = EXPERIMENTS["scl"] | {"imbalance": "step", "ratio": 100.0}

# How large it is. The entry "all" of a profile holds for all its experiments.
SIZES: dict[str, dict[str, Settings]] = {
    "smoke": {
        "all": {"train_size": 200, "test_size": 100, "epochs": 2, "batch_size": 100},
        "scl-step100": {"train_size": 300, "ratio": 15.0},
    },
    # Weight decay is ten to twenty times the usual: collapse takes a number of steps of the order
    # of 1/(rate x decay), and a laptop has some thousand to spend, not a hundred thousand.
    "laptop": {
        "all": {"test_size": 2000},
        "ce": _LAPTOP_CE,
        # Ten batches an epoch for each imbalance, so that an epoch is the same number of steps.
        "scl": _LAPTOP_SCL | {"train_size": 600, "batch_size": 60, "epochs": 80},
        "scl-step10": _LAPTOP_SCL | {"train_size": 1000, "batch_size": 55},
        "scl-step100": _LAPTOP_SCL | {"train_size": 2000, "batch_size": 101},
    },
    "gpu": {"all": _WHOLE | {"precision": "bfloat16", "batch_size": 512, "epochs": 30}},
    # 2306.07960's code for the contrastive runs; cross-entropy gets the same schedule.
    "paper": {
        "all": _WHOLE
        | {"batch_size": 512, "epochs": 350, "schedule": "steps", "measurements": 30, "bind": 0},
    },
}
SEEDS = {"smoke": 2, "laptop": 3, "gpu": 1, "paper": 3}
PROFILES = tuple(SIZES)


@dataclass(frozen=True)
class Profile:
    """How a chapter gets its runs, without knowing on what scale it is executed.

    Attributes:
        name: ``smoke``, ``laptop``, ``gpu`` or ``paper``.
        seeds: one network is trained for each.
        device: as in `train`.
        data_dir: as in `train`.
    """

    name: str
    seeds: tuple[int, ...]
    device: str = "auto"
    data_dir: str | Path | None = None

    def config(self, experiment: str, **changes: Any) -> RunConfig:
        """The configuration of an experiment in this profile.

        Args:
            experiment: a key of `EXPERIMENTS`.
            **changes: fields of `RunConfig`, `SubsetConfig` or `ModelConfig`, by their plain names.

        Raises:
            NcbookError: if the experiment or a field is unknown.
        """
        if experiment not in EXPERIMENTS:
            known = ", ".join(EXPERIMENTS)
            raise NcbookError(f"Unknown experiment {experiment!r}", f"Known are {known}", 2)
        sizes = SIZES[self.name]
        chosen = EXPERIMENTS[experiment] | sizes["all"] | sizes.get(experiment, {}) | changes
        return assemble(chosen)

    def configs(self, experiment: str, **changes: Any) -> list[RunConfig]:
        """The same for each seed of the profile."""
        return [self.config(experiment, seed=seed, **changes) for seed in self.seeds]

    def train(self, experiment: str, **changes: Any) -> list[Run]:
        """The runs of an experiment, one for each seed, trained now or loaded from the store."""
        return self.run({experiment: self.configs(experiment, **changes)})[experiment]

    def run(self, plan: Mapping[Key, list[RunConfig]]) -> dict[Key, list[Run]]:
        """All runs of a plan, under its keys: on several cores they are trained side by side."""
        flat = [config for configs in plan.values() for config in configs]
        runs = iter(train_all(flat, self.device, self.data_dir))
        return {key: [next(runs) for _ in configs] for key, configs in plan.items()}


def profile(
    name: str = "laptop", seed: int = 0, device: str = "auto", data_dir: str | Path | None = None
) -> Profile:
    """The profile called ``name``, its seeds counted upwards from ``seed``.

    Raises:
        NcbookError: if there is no such profile.
    """
    if name not in SIZES:
        raise NcbookError(f"Unknown profile {name!r}", f"Use one of {', '.join(PROFILES)}", 2)
    return Profile(name, tuple(range(seed, seed + SEEDS[name])), device, data_dir)


def assemble(settings: Settings) -> RunConfig:
    """A configuration from plain field names; ``seed`` is the run's, the images stay the same.

    Raises:
        NcbookError: naming a field that no part of a configuration has.
    """
    parts: dict[type, Settings] = {RunConfig: {}, SubsetConfig: {}, ModelConfig: {}}
    for name, value in settings.items():
        owner = next((cls for cls in parts if name in _fields(cls)), None)
        if owner is None:
            known = sorted({field for cls in parts for field in _fields(cls)} - {"subset", "model"})
            raise NcbookError(f"Unknown setting {name!r}", f"Known are {', '.join(known)}", 2)
        parts[owner][name] = value
    subset, model = SubsetConfig(**parts[SubsetConfig]), ModelConfig(**parts[ModelConfig])
    return RunConfig(subset=subset, model=model, **parts[RunConfig])


def _fields(cls: type) -> list[str]:
    return [field.name for field in dataclasses.fields(cls)]
