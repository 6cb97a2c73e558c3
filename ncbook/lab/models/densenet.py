"""DenseNets for small images: DenseNet-10 and -40 (no bottleneck) and DenseNet-121.

Both end in batch normalisation, ReLU, global average pooling (Huang et al. 2017): that ReLU is the
last one, and `last` stands in its place.
"""

import torch
from torch import Tensor, nn

from ncbook.lab.models.trunk import Trunk


class DenseLayer(nn.Module):
    """x with `growth` new channels behind it: normalisation, ReLU, 3x3 convolution of x."""

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        conv = nn.Conv2d(channels, growth, 3, padding=1, bias=False)
        self.branch = nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU(), conv)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (n, channels, h, w) to (n, channels + growth, h, w)."""
        return torch.cat([x, self.branch(x)], 1)


def densenet10(in_channels: int, last: nn.Module) -> Trunk:
    """DenseNet-40's small sibling: three blocks of two layers, growth 8, a stem of stride 2."""
    return _plain(in_channels, last, depth=2, growth=8, stem_stride=2)


def densenet40(in_channels: int, last: nn.Module) -> Trunk:
    """Three blocks of twelve layers, growth 12, transitions that keep the channels."""
    return _plain(in_channels, last, depth=12, growth=12, stem_stride=1)


def densenet121(in_channels: int, last: nn.Module) -> Trunk:
    """torchvision's DenseNet-121 (growth 32) with a 3x3 stem of stride 1 and no max-pool."""
    from torchvision.models import DenseNet

    layers = DenseNet(growth_rate=32, block_config=(6, 12, 24, 16), num_init_features=64).features
    layers.conv0 = nn.Conv2d(in_channels, 64, 3, padding=1, bias=False)
    del layers.pool0
    return _pooled(layers, 1024, last)


def _plain(in_channels: int, last: nn.Module, depth: int, growth: int, stem_stride: int) -> Trunk:
    """Three blocks of so many layers; transitions between them keep the channels."""
    channels = 16
    stem = nn.Conv2d(in_channels, channels, 3, stem_stride, padding=1, bias=False)
    layers: list[nn.Module] = [stem]
    for block in range(3):
        if block > 0:
            layers += _transition(channels)
        for _ in range(depth):
            layers.append(DenseLayer(channels, growth))
            channels += growth
    layers.append(nn.BatchNorm2d(channels))
    return _pooled(nn.Sequential(*layers), channels, last)


def _transition(channels: int) -> list[nn.Module]:
    conv = nn.Conv2d(channels, channels, 1, bias=False)
    return [nn.BatchNorm2d(channels), nn.ReLU(), conv, nn.AvgPool2d(2)]


def _pooled(layers: nn.Sequential, channels: int, last: nn.Module) -> Trunk:
    return Trunk(nn.Sequential(layers, last, nn.AdaptiveAvgPool2d(1), nn.Flatten()), channels)
