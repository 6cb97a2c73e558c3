"""What a network is: the part of a run's configuration that its hash sees."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from ncbook.errors import NcbookError
from ncbook.lab.models.densenet import densenet10, densenet40, densenet121
from ncbook.lab.models.frames import RECIPE
from ncbook.lab.models.gru import gru
from ncbook.lab.models.resnet import resnet18, resnet32, resnet50, small_resnet
from ncbook.lab.models.trunk import ACTIVATIONS, Trunk
from ncbook.lab.models.vgg import vgg5, vgg11
from ncbook.lab.models.vit import vit

_DECIMALS = 6  # of a fixed classifier's entries
# Blocks a stage of the nets whose width can be chosen.
SMALL = {"resnet8": 1, "resnet14": 2, "resnet20": 3}
TRUNKS: dict[str, Callable[..., Trunk]] = {
    **{name: partial(small_resnet, blocks) for name, blocks in SMALL.items()},
    "resnet18": resnet18,
    "resnet32": resnet32,
    "resnet50": resnet50,
    "vgg5": vgg5,
    "vgg11": vgg11,
    "densenet10": densenet10,
    "densenet40": densenet40,
    "densenet121": densenet121,
    "vit": vit,
    "gru": gru,
}


@dataclass(frozen=True)
class ModelConfig:
    """One network for images of 28x28 or 32x32 pixels.

    Args:
        arch: resnet8, resnet14, resnet20, vgg5, densenet10, vit, gru (small), resnet18, resnet32,
            resnet50, vgg11, densenet40 or densenet121.
        width: channels of a small ResNet's first stage, doubled twice behind it; None means 16.
        last_activation: relu (features >= 0 in every entry), leaky_relu, elu, gelu or none. Without
            a projection head it stands before the pooling (in a gru, which has none, at the end);
            with one it follows the head.
        projection: output dimension of a head Linear-ReLU-Linear behind the pooling, or None.
        code: dimension of a stochastic linear code behind all that (`GaussianCode`), or None.
        classifier: whether a linear layer with bias gives logits from the features.
        fixed_classifier: (k, d) rows that the classifier keeps, as a tensor or nested sequence, its
            bias being zero; None if it is trained. Rounded to six decimals, so that a network's
            identity doesn't hang on the last bits of a matrix product. Or a recipe for a simplex
            ETF of whatever d the features have, see `frames.frame`.
        in_channels: 3 for colour, 1 for grey.
        num_classes: k, at least 2.

    Raises:
        NcbookError: exit code 2, naming the value that makes no sense.
    """

    arch: str = "resnet8"
    width: int | None = None
    last_activation: str = "relu"
    projection: int | None = None
    code: int | None = None
    classifier: bool = True
    fixed_classifier: tuple[tuple[float, ...], ...] | str | None = None
    in_channels: int = 3
    num_classes: int = 10

    def __post_init__(self) -> None:
        _require_known("arch", self.arch, TRUNKS)
        _require_known("last_activation", self.last_activation, ACTIVATIONS)
        if self.width is not None:
            _require_whole("width", self.width, least=1)
            _require_known("arch, with a width,", self.arch, SMALL)
        _require_whole("in_channels", self.in_channels, least=1)
        _require_whole("num_classes", self.num_classes, least=2)
        for name in ("projection", "code"):
            if getattr(self, name) is not None:
                _require_whole(name, getattr(self, name), least=1)
        _require_flag("classifier", self.classifier)
        if self.fixed_classifier is not None:
            _require_classifier(self.classifier)
        if isinstance(self.fixed_classifier, str):
            _require_recipe(self.fixed_classifier, self.num_classes)
        elif self.fixed_classifier is not None:
            rows = _rows(self.fixed_classifier, self.num_classes)
            object.__setattr__(self, "fixed_classifier", rows)


def _require_known(name: str, value: object, known: Mapping[str, object]) -> None:
    if value not in tuple(known):
        cure = f"Choose one of {', '.join(known)}"
        raise NcbookError(f"The model's {name} is {value!r}", cure, exit_code=2)


def _require_whole(name: str, value: object, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        cure = f"Give a whole number of at least {least}"
        raise NcbookError(f"The model's {name} is {value!r}", cure, exit_code=2)


def _require_flag(name: str, value: object) -> None:
    # A string such as "false" would count as true.
    if not isinstance(value, bool):
        raise NcbookError(f"The model's {name} is {value!r}", "Give true or false", exit_code=2)


def _require_classifier(present: bool) -> None:
    if not present:
        cure = "Set classifier to true, or leave fixed_classifier out"
        raise NcbookError("The model's fixed_classifier has no classifier to fix", cure, 2)


def _require_recipe(recipe: str, num_classes: int) -> None:
    if not RECIPE.fullmatch(recipe):
        cure = f"Say 'etf permuted N' or 'etf rotated N', or give {num_classes} rows"
        raise NcbookError(f"The model's fixed_classifier is {recipe!r}", cure, exit_code=2)


def _rows(values: object, num_classes: int) -> tuple[tuple[float, ...], ...]:
    """A fixed classifier as a plain value that can be compared, hashed and written as JSON."""
    cure = f"Give a finite matrix with {num_classes} rows, one for each class"
    try:
        table = values if isinstance(values, Tensor) else torch.tensor(values, dtype=torch.float64)
    except (TypeError, ValueError) as error:  # rows of different lengths, words
        raise NcbookError(f"The model's fixed_classifier: {error}", cure, exit_code=2) from error
    if table.ndim != 2 or len(table) != num_classes:
        shape = tuple(table.shape)
        raise NcbookError(f"The model's fixed_classifier has shape {shape}", cure, exit_code=2)
    if not table.isfinite().all():
        raise NcbookError("The model's fixed_classifier isn't finite", cure, exit_code=2)
    rows = table.detach().cpu().double().numpy().round(_DECIMALS) + 0.0  # no minus zero
    return tuple(map(tuple, rows.tolist()))
