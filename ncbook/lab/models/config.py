"""What a network is, in six values: the part of a run's configuration that its hash sees."""

from collections.abc import Callable
from dataclasses import dataclass

from ncbook.errors import NcbookError
from ncbook.lab.models.densenet import densenet40, densenet121
from ncbook.lab.models.resnet import resnet8, resnet18, resnet32, resnet50
from ncbook.lab.models.trunk import Trunk
from ncbook.lab.models.vgg import vgg11

TRUNKS: dict[str, Callable[[int, bool], Trunk]] = {
    "resnet8": resnet8,
    "resnet18": resnet18,
    "resnet32": resnet32,
    "resnet50": resnet50,
    "vgg11": vgg11,
    "densenet40": densenet40,
    "densenet121": densenet121,
}


@dataclass(frozen=True)
class ModelConfig:
    """One network for images of 28x28 or 32x32 pixels.

    Args:
        arch: resnet8, resnet18, resnet32, resnet50, vgg11, densenet40 or densenet121.
        final_relu: whether the features pass a last ReLU, and so are >= 0 in every entry. Without
            a projection head it is the ReLU before the pooling; with one it follows the head.
        projection: output dimension of a head Linear-ReLU-Linear behind the pooling, or None.
        classifier: whether a linear layer with bias gives logits from the features.
        in_channels: 3 for colour, 1 for grey.
        num_classes: k, at least 2.

    Raises:
        NcbookError: exit code 2, naming the value that makes no sense.
    """

    arch: str = "resnet8"
    final_relu: bool = True
    projection: int | None = None
    classifier: bool = True
    in_channels: int = 3
    num_classes: int = 10

    def __post_init__(self) -> None:
        if self.arch not in TRUNKS:
            cause = f"There is no model called {self.arch!r}"
            raise NcbookError(cause, f"Choose one of {', '.join(TRUNKS)}", exit_code=2)
        _require_whole("in_channels", self.in_channels, least=1)
        _require_whole("num_classes", self.num_classes, least=2)
        if self.projection is not None:
            _require_whole("projection", self.projection, least=1)
        _require_flag("final_relu", self.final_relu)
        _require_flag("classifier", self.classifier)


def _require_whole(name: str, value: object, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        cure = f"Give a whole number of at least {least}"
        raise NcbookError(f"The model's {name} is {value!r}", cure, exit_code=2)


def _require_flag(name: str, value: object) -> None:
    # A string such as "false" would count as true.
    if not isinstance(value, bool):
        raise NcbookError(f"The model's {name} is {value!r}", "Give true or false", exit_code=2)
