"""What the architecture families share: the trunk's type, last activation and initialisation."""

from collections.abc import Callable
from typing import NamedTuple

from torch import nn


class Trunk(NamedTuple):
    """Everything before the projection head and the classifier."""

    layers: nn.Sequential  # (n, c, h, w) -> (n, dim), pooling included
    dim: int


# The layer that stands where the last ReLU does; none of them has parameters.
ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,  # slope 0.01 below zero
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "none": nn.Identity,
}


def initialise(layers: nn.Module) -> None:
    """Draw every convolution from N(0, 2/fan-out), from torch's global generator.

    Source: He et al. 2015, *Delving deep into rectifiers*, eq. 14, which the original ResNet and
    DenseNet code use. Batch normalisation keeps torch's own start, weight 1 and bias 0.
    """
    for layer in layers.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
