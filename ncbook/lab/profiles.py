"""The book's experiments, and how large each one is in each profile."""

import dataclasses
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ncbook.errors import NcbookError
from ncbook.lab.config import RunConfig
from ncbook.lab.data import SubsetConfig
from ncbook.lab.device import pick_device
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
# At τ = 0.2 these steps lead to the frame; at the papers' 0.1 they end short of it.
_LAPTOP_SCL: Settings = {
    "temperature": 0.2,
    "epochs": 40,
    "batch_size": 30,
    "weight_decay": 5e-3,
    "test_size": 200,
    "measurements": 10,
}
_LAPTOP_RARE: Settings = _LAPTOP_SCL | {"bind": 2}
# Many more images than dimensions, or two networks' features correlate by chance.
_LAPTOP_TWIN: Settings = _LAPTOP_SCL | {
    "train_size": 1000,
    "test_size": 1000,
    "epochs": 30,
    "batch_size": 50,
    "measurements": 20,
}
_SMOKE_RARE: Settings = {"train_size": 300, "ratio": 15.0}  # two images in the smallest class
_LAPTOP_SHORT: Settings = _LAPTOP_CE | {"epochs": 60, "measurements": 10}
# What 2310.08358 trained by; its flips come without crops.
_PAPER_MARGINS: Settings = {
    "lr": 0.05,
    "batch_size": 256,
    "crop_margin": 0,
    "arch": "resnet32",
}
_WHOLE: Settings = {
    "train_size": 50_000,
    "test_size": 10_000,
    "arch": "resnet18",
    "augment": True,
}

# What an experiment is, at any size.
EXPERIMENTS: dict[str, Settings] = {
    "ce": {"loss": "ce"},
    # A bound image of each class in every batch, or small classes would hardly ever meet.
    "scl": {"loss": "scl", "classifier": False, "bind": 1},
}
_SCL, _GREY = EXPERIMENTS["scl"], {"in_channels": 1}
for _kind in ("step", "lt"):
    for _ratio in (10, 100):
        EXPERIMENTS[f"scl-{_kind}{_ratio}"] = _SCL | {"imbalance": _kind, "ratio": float(_ratio)}
EXPERIMENTS["scl-mnist"] = _SCL | _GREY | {"dataset": "mnist"}
EXPERIMENTS["scl-fashionmnist"] = _SCL | _GREY | {"dataset": "fashionmnist"}
EXPERIMENTS["scl-mnist-step1000"] = EXPERIMENTS["scl-mnist"] | {"imbalance": "step", "ratio": 1e3}
# On the very images of "ce", to compare the two.
EXPERIMENTS["scl-as-ce"] = _SCL
# For a network without the last ReLU, which takes longer: more steps, and 2306.07960's temperature.
EXPERIMENTS["scl-long"] = _SCL | {"temperature": 0.1}
# To be trained twice, from independent seeds, on the same images (2305.11957).
for _suffix in ("", "-few", "-many"):
    EXPERIMENTS[f"scl-twin{_suffix}"] = _SCL
EXPERIMENTS["scl-twin-step10"] = EXPERIMENTS["scl-step10"]
# A stochastic code of the features' own dimension; each run is given its compression.
EXPERIMENTS["vib"] = {"loss": "ce", "code": 64}
# Through the terminal phase in little time, by networks of any family (2310.08358).
EXPERIMENTS["ce-short"] = {"loss": "ce"}
EXPERIMENTS["ce-augmented"] = {"loss": "ce", "augment": True}
# To a classifier that is given, not learnt: each run is told which.
EXPERIMENTS["ce-aligned"] = {"loss": "ce"}
# More classes than a simplex has room for: each run is told its orientations and dimension.
EXPERIMENTS["ce-crowded"] = {"loss": "ce", "last_activation": "none"}
# A flipped 2 isn't an S. MNIST's rarest test digit, the five, occurs 892 times.
_UNFLIPPED: dict[str, Settings] = {
    name: {"augment": False, "test_size": 10_000 if "fashion" in name else 8_900}
    for name in EXPERIMENTS
    if "mnist" in name
}

# How large it is. The entry "all" of a profile holds for all its experiments.
SIZES: dict[str, dict[str, Settings]] = {
    "smoke": {
        "all": {"train_size": 200, "test_size": 100, "epochs": 2, "batch_size": 100},
        "scl-step100": _SMOKE_RARE,
        "scl-lt100": _SMOKE_RARE,
        "scl-mnist-step1000": _SMOKE_RARE,
        "scl-twin-few": {"train_size": 100},
        "scl-twin-many": {"train_size": 300},
    },
    # Weight decay is ten to twenty times the usual: collapse takes a number of steps of the order
    # of 1/(rate x decay), and a laptop has some thousand to spend, not a hundred thousand.
    "laptop": {
        "all": {"test_size": 2000},
        "ce": _LAPTOP_CE,
        # 300 to 510 steps each, in ten batches an epoch where possible. R = 100 leaves two images
        # in the smallest class of 200: both are bound, to be each other's positive in every batch.
        "scl": _LAPTOP_SCL | {"train_size": 300},
        "scl-step10": _LAPTOP_SCL | {"train_size": 600, "batch_size": 33},
        "scl-lt10": _LAPTOP_SCL | {"train_size": 600, "batch_size": 25},
        "scl-step100": _LAPTOP_RARE | {"train_size": 2000, "batch_size": 60, "epochs": 30},
        "scl-lt100": _LAPTOP_RARE | {"train_size": 2000, "batch_size": 50},
        "scl-mnist": _LAPTOP_SCL | {"train_size": 300, "epochs": 30},
        "scl-fashionmnist": _LAPTOP_SCL | {"train_size": 300, "epochs": 30},
        "scl-mnist-step1000": _LAPTOP_RARE | {"train_size": 20_000, "batch_size": 60, "epochs": 3},
        "scl-as-ce": _LAPTOP_SCL
        | {"train_size": 500, "batch_size": 50, "test_size": 2000, "measurements": 6},
        "scl-long": _LAPTOP_RARE
        | {"train_size": 600, "batch_size": 60, "epochs": 80, "temperature": 0.1},
        "scl-twin": _LAPTOP_TWIN,
        "scl-twin-few": _LAPTOP_TWIN | {"train_size": 300, "batch_size": 30, "epochs": 40},
        "scl-twin-many": _LAPTOP_TWIN | {"train_size": 3000, "batch_size": 100, "epochs": 20},
        "scl-twin-step10": _LAPTOP_TWIN | {"train_size": 1800},
        # A linear code behind linear weight decay would lose dimensions to the decay alone.
        "vib": {"train_size": 500, "epochs": 40, "batch_size": 50, "measurements": 6},
        "ce-short": _LAPTOP_SHORT,
        "ce-augmented": _LAPTOP_CE | {"epochs": 100},
        "ce-aligned": _LAPTOP_SHORT,
        # More decay than this keeps a head of few dimensions at a point.
        "ce-crowded": _LAPTOP_CE
        | {"train_size": 1000, "epochs": 60, "weight_decay": 1e-3, "measurements": 10},
    },
    "gpu": {
        "all": _WHOLE | {"precision": "bfloat16", "batch_size": 512, "epochs": 30},
        **_UNFLIPPED,
        "scl-twin-few": {"train_size": 5000, "epochs": 300},
        "ce-short": {"arch": "resnet32", "crop_margin": 0},
        "ce-aligned": {"arch": "resnet32", "crop_margin": 0},
    },
    # 2306.07960's code for the contrastive runs; cross-entropy gets the same schedule.
    "paper": {
        "all": _WHOLE
        | {
            "precision": "bfloat16",
            "batch_size": 512,
            "epochs": 350,
            "schedule": "steps",
            "measurements": 30,
            "bind": 0,
        },
        **_UNFLIPPED,
        # The network of 2305.11957.
        "scl-twin": {"arch": "resnet50"},
        "scl-twin-few": {"arch": "resnet50", "train_size": 5000},
        "scl-twin-many": {"arch": "resnet50"},
        "ce-short": _PAPER_MARGINS,
        "ce-augmented": _PAPER_MARGINS,
        "ce-aligned": _PAPER_MARGINS,
    },
}
# Networks to compare: what changes against the profile's own, which comes first.
NETS: dict[str, dict[str, Settings]] = {
    "smoke": {"ResNet-8": {}, "half width": {"width": 8}},
    "laptop": {
        "ResNet-8": {},
        "half width": {"width": 8},
        "quarter width": {"width": 4},
        "half, 14 layers": {"width": 8, "arch": "resnet14"},
    },
    "gpu": {"ResNet-18": {}, "DenseNet-40": {"arch": "densenet40"}},
    "paper": {"ResNet-18": {}, "DenseNet-40": {"arch": "densenet40"}},
}
# Networks of different kinds: those of 2310.08358, first, or their small siblings, and two that
# don't convolve.
_TRANSFORMER: Settings = {
    "arch": "vit",
    "last_activation": "none",
    "lr": 0.03,
    "weight_decay": 1e-3,
}
_RECURRENT: Settings = {"arch": "gru", "last_activation": "none", "lr": 0.2, "weight_decay": 1e-3}
_SMALL_FAMILIES: dict[str, Settings] = {
    "ResNet-8": {},
    "VGG-5": {"arch": "vgg5"},
    "DenseNet-10": {"arch": "densenet10", "weight_decay": 3e-3},
    "transformer": _TRANSFORMER,
    "recurrent": _RECURRENT,
}
_FAMILIES: dict[str, Settings] = {
    "ResNet-32": {"arch": "resnet32"},
    "VGG11": {"arch": "vgg11"},
    "DenseNet-121": {"arch": "densenet121"},
    "transformer": _TRANSFORMER,
    "recurrent": _RECURRENT,
}
FAMILIES: dict[str, dict[str, Settings]] = {
    "smoke": _SMALL_FAMILIES,
    "laptop": _SMALL_FAMILIES,
    "gpu": _FAMILIES,
    "paper": _FAMILIES,
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

    @property
    def nets(self) -> dict[str, Settings]:
        """Networks to compare, by name, and the changes that `config` takes for each."""
        return NETS[self.name]

    @property
    def families(self) -> dict[str, Settings]:
        """Networks of different kinds, by name, the profile's own first, as `nets`."""
        return FAMILIES[self.name]

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


def suggest_profile() -> str:
    """The profile for this machine: ``gpu`` where torch finds a CUDA device, else ``laptop``."""
    return "gpu" if pick_device().type == "cuda" else "laptop"


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
