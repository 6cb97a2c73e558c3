"""What a training run is made of: everything that changes its result, and nothing else."""

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, get_args

from ncbook.errors import NcbookError
from ncbook.lab.data import SubsetConfig
from ncbook.lab.models import ModelConfig

Loss = Literal["ce", "scl"]
Precision = Literal["float32", "bfloat16"]
Schedule = Literal["linear", "steps", "constant"]
Batching = Literal["reshuffled", "fixed", "balanced"]
T = TypeVar("T")
_CHOICES = {"loss": Loss, "precision": Precision, "schedule": Schedule, "batching": Batching}
_LEAST = {"epochs": 1, "measurements": 1, "batch_size": 2, "bind": 0, "crop_margin": 0}

# Raise this when a change to training, models, losses or a default changes what a configuration
# computes: every stored run then counts as another one and is trained anew.
TRAINING_VERSION = 2


@dataclass(frozen=True)
class RunConfig:
    """One training run.

    Attributes:
        dataset: name of the data set.
        subset: which of its images are used, and how unevenly the classes are filled.
        model: the network.
        loss: ``ce`` (cross-entropy on logits) or ``scl`` (supervised contrastive on unit features).
        temperature: τ of the supervised contrastive loss; cross-entropy ignores it.
        epochs: passes over the training images.
        batch_size: largest number of images in a batch; an epoch is cut into equal batches.
        batching: ``reshuffled`` cuts an epoch anew each time, ``fixed`` once for all (2306.07960's
            two schemes), ``balanced`` fills every batch with the same number of each class.
        compression: weight of a stochastic code's rate in the loss, the 1/β of the variational
            information bottleneck (Alemi et al. 2017); 0 without such a code.
        bind: batch-binding (2306.07960): this many fixed images of each class join every batch.
        lr, momentum, weight_decay: of SGD.
        kernel_decay: weight decay of convolution kernels, if another than ``weight_decay``. Batch
            normalisation makes the scale of a kernel irrelevant: decaying it only raises the
            effective learning rate, up to where training becomes unstable.
        schedule: of the rate. ``linear`` falls evenly to zero; ``steps`` falls tenfold after a
            third and after two thirds of the epochs, as in 2306.07960's code (350; 116 and 232);
            ``constant`` doesn't fall.
        augment: random flips and shifted crops.
        crop_margin: pixels of padding before the crop, by which it can be shifted at most.
        precision: ``bfloat16`` runs forward and backward under autocast; statistics stay float32.
        measurements: about how many epochs, spaced logarithmically, get a collapse report.
        seed: of initialisation, batch order and augmentation.
    """

    dataset: str = "cifar10"
    subset: SubsetConfig = field(default_factory=SubsetConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    loss: Loss = "ce"
    temperature: float = 0.1
    epochs: int = 100
    batch_size: int = 128
    batching: Batching = "reshuffled"
    lr: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 5e-4
    kernel_decay: float | None = None
    schedule: Schedule = "linear"
    bind: int = 0
    compression: float = 0.0
    augment: bool = False
    crop_margin: int = 4
    precision: Precision = "float32"
    measurements: int = 16
    seed: int = 0

    def __post_init__(self) -> None:
        for name, kind in _CHOICES.items():
            if getattr(self, name) not in get_args(kind):
                _refuse(name, getattr(self, name), f"one of {', '.join(get_args(kind))}")
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if not isinstance(value, int) or value < least:
                _refuse(name, value, f"a whole number of at least {least}")
        for name in ("temperature", "lr"):
            value = getattr(self, name)
            if not isinstance(value, int | float) or not value > 0:
                _refuse(name, value, "a number above 0")
        if not isinstance(self.compression, int | float) or not self.compression >= 0:
            _refuse("compression", self.compression, "a number of at least 0")
        if self.compression and self.model.code is None:
            _refuse("compression", self.compression, "0 for a network without a stochastic code")
        if self.batching == "balanced" and self.batch_size < self.model.num_classes:
            _refuse("batch_size", self.batch_size, "at least one image of each class")
        if self.loss == "ce" and not self.model.classifier:
            _refuse("model.classifier", False, "True: cross-entropy needs logits")
        angles, classes = self.subset.orientations, self.model.num_classes
        if not isinstance(angles, int) or angles < 1:
            _refuse("subset.orientations", angles, "a whole number of at least 1")
        if classes % angles:
            _refuse("model.num_classes", classes, f"a multiple of the {angles} orientations")

    def run_id(self, data_digest: str) -> str:
        """The name under which the store keeps this run: a hash of all that determines it.

        Fields at their defaults are left out, so that a new one leaves stored runs what they are.
        """
        chosen = _different(self.to_dict(), RunConfig().to_dict())
        facts = {"config": chosen, "data": data_digest, "version": TRAINING_VERSION}
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def label(self) -> str:
        """A short name for lists and progress bars."""
        part = self.subset
        images = f"{part.train_size} images"
        if part.imbalance != "none":
            images += f" {part.imbalance} R={part.ratio:g}"
        if part.orientations > 1:
            images += f" in {part.orientations} orientations"
        if part.shuffled_labels:
            images += f" {part.shuffled_labels:.0%} labels shuffled"
        net = self.model.arch + (f" width {self.model.width}" if self.model.width else "")
        last = self.model.last_activation
        ending = "" if last == "relu" else f" last {last}"
        ending += f" code {self.model.code}" if self.model.code else ""
        fixed = self.model.fixed_classifier
        ending += " fixed classifier" if fixed else ""
        ending += f" {fixed}" if isinstance(fixed, str) else ""
        cut = "" if self.batching == "reshuffled" else f" {self.batching} batches"
        return f"{self.loss} {self.dataset} {images} {net}{ending}{cut} seed {self.seed}"

    def to_dict(self) -> dict[str, Any]:
        """As nested plain dictionaries, for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "RunConfig":
        """The inverse of `to_dict`; missing entries take their defaults.

        Raises:
            NcbookError: naming an entry that no configuration has.
        """
        nested = {"subset": SubsetConfig, "model": ModelConfig}
        parts = {k: _construct(nested[k], v) if k in nested else v for k, v in values.items()}
        return _construct(cls, parts)


def _construct(cls: type[T], values: dict[str, Any]) -> T:
    known = [f.name for f in dataclasses.fields(cls)]  # type: ignore[arg-type]
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise NcbookError(
            f"Unknown setting {unknown[0]!r} in {cls.__name__}", f"Known are {', '.join(known)}", 2
        )
    return cls(**values)


def _different(values: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """What of ``values``, a level down too, isn't as in ``defaults``."""
    found = {}
    for name, value in values.items():
        if isinstance(value, dict):
            value = _different(value, defaults[name])
            if value:
                found[name] = value
        elif value != defaults[name]:
            found[name] = value
    return found


def _refuse(name: str, value: object, wanted: str) -> None:
    raise NcbookError(f"The run's {name} is {value!r}", f"It must be {wanted}", 2)
