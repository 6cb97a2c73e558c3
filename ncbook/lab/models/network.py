"""A network as the book sees it: features that collapse, and a linear classifier on them."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ncbook.errors import NcbookError
from ncbook.lab.models.bottleneck import GaussianCode, draw, rate
from ncbook.lab.models.config import TRUNKS, ModelConfig
from ncbook.lab.models.frames import frame
from ncbook.lab.models.trunk import ACTIVATIONS, initialise


class Output(NamedTuple):
    """What a network makes of a batch.

    Attributes:
        features: (n, d).
        logits: (n, k) where there is a classifier, else None.
        rate: of the stochastic code in nats, (), where there is one, else None.
    """

    features: Tensor
    logits: Tensor | None
    rate: Tensor | None


class Network(nn.Module):
    """Trunk, projection head, stochastic code and linear classifier, the last three if wanted.

    Attributes:
        dim: d, the dimension of the features.
        in_channels: of the images it takes.
        classifier: the linear layer, weight (k, d) and bias (k,), or None. A fixed one isn't
            trained.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        last = ACTIVATIONS[config.last_activation]()
        # Behind a projection head the trunk's own last ReLU is a hidden layer and stays.
        of_trunk = last if config.projection is None else nn.ReLU()
        size = {} if config.width is None else {"width": config.width}
        self.trunk, width = TRUNKS[config.arch](config.in_channels, of_trunk, **size)
        initialise(self.trunk)
        self.head = _projection_head(width, config.projection, last)
        width = config.projection or width
        self.code = None if config.code is None else GaussianCode(width, config.code)
        self.dim = config.code or width
        self.in_channels = config.in_channels
        # Last, so that a seed draws the same trunk with and without a classifier.
        self.classifier = nn.Linear(self.dim, config.num_classes) if config.classifier else None
        if self.classifier is not None and config.fixed_classifier is not None:
            _fix(self.classifier, _rows(config, self.dim))

    def features(self, x: Tensor) -> Tensor:
        """The vectors that collapse: images (n, c, h, w) to features (n, d).

        Of a stochastic code they are the means.
        """
        h: Tensor = self.head(self.trunk(x))
        return h if self.code is None else self.code(h)[0]  # (n, d)

    def forward(self, x: Tensor) -> Output:
        """Features, logits and rate; in training mode a stochastic code is drawn, not its mean."""
        h, cost = self.head(self.trunk(x)), None
        if self.code is not None:
            mean, log_variance = self.code(h)
            h, cost = draw(mean, log_variance) if self.training else mean, rate(mean, log_variance)
        return Output(h, None if self.classifier is None else self.classifier(h), cost)


def build(config: ModelConfig) -> Network:
    """The network that `config` states, its weights drawn from torch's global generator.

    Seed that generator first: then `last_activation` and `classifier` change no other weight.
    """
    return Network(config)


def count_parameters(model: nn.Module) -> int:
    """How many numbers are trained; running means and variances are not."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def _rows(config: ModelConfig, dim: int) -> Tensor:
    """The fixed classifier that the configuration states, (k, d) float32."""
    stated = config.fixed_classifier
    if not isinstance(stated, str):
        return torch.tensor(stated)
    if dim < config.num_classes - 1:
        raise NcbookError(
            f"{config.num_classes} classes have no simplex ETF in {dim} dimensions",
            f"Choose a network with at least {config.num_classes - 1} features",
            2,
        )
    return frame(stated, config.num_classes, dim).float()


def _fix(layer: nn.Linear, rows: Tensor) -> None:
    """Give a classifier these weights (k, d) and no bias, for good."""
    if rows.shape != layer.weight.shape:
        has, needs = rows.shape[1], layer.weight.shape[1]
        cure = f"Give rows of {needs} entries"
        raise NcbookError(f"The model's fixed_classifier has rows of {has} entries", cure, 2)
    with torch.no_grad():
        layer.weight.copy_(rows)
        layer.bias.zero_()
    layer.requires_grad_(False)


def _projection_head(width: int, dim: int | None, last: nn.Module) -> nn.Module:
    """Linear-ReLU-Linear as in Khosla et al. 2020, section 3.1, hidden width as the input's."""
    if dim is None:
        return nn.Identity()
    first, second = nn.Linear(width, width), nn.Linear(width, dim)
    return nn.Sequential(first, nn.ReLU(), second, last)
