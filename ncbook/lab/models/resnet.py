"""Residual nets for small images: ResNet-8 to -32 (16-32-64 channels), ResNet-18 and -50.

torchvision's blocks use one ReLU module both inside the block and after the addition, so the last
ReLU of the net can't be taken out alone. Here it is a layer of its own; apart from that the blocks
are torchvision's (the stride of a bottleneck sits on its 3x3 convolution) and agree with them.
"""

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn.functional import pad

from ncbook.lab.models.trunk import Trunk

Shortcut = Callable[[int, int, int], nn.Module]  # (channels in, channels out, stride)
Branch = Callable[[int, int, int], nn.Sequential]  # (channels in, width, stride)


class ResidualBlock(nn.Module):
    """activation(branch(x) + shortcut(x)): He et al. 2016, eq. 1 and 2."""

    def __init__(self, branch: nn.Module, shortcut: nn.Module, activation: nn.Module) -> None:
        super().__init__()
        self.branch = branch
        self.shortcut = shortcut
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """Maps (n, in, h, w) to (n, out, h / stride, w / stride)."""
        out: Tensor = self.activation(self.branch(x) + self.shortcut(x))
        return out


class PaddedShortcut(nn.Module):
    """Every stride-th pixel, missing channels filled with zeros: option A of He et al. 2016."""

    def __init__(self, extra_channels: int, stride: int) -> None:
        super().__init__()
        self.extra_channels = extra_channels
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """Maps (n, in, h, w) to (n, in + extra, h / stride, w / stride), rounded up."""
        kept = x[:, :, :: self.stride, :: self.stride]
        return pad(kept, (0, 0, 0, 0, 0, self.extra_channels))


def small_resnet(blocks: int, in_channels: int, last: nn.Module, width: int = 16) -> Trunk:
    """Three stages of so many basic blocks, projection shortcuts: the nets of the laptop profile.

    The stages have width, 2·width and 4·width channels. The stem has stride 2: the later layers see
    a quarter of the pixels.
    """
    widths, stem_stride = (width, 2 * width, 4 * width), 2
    depths = (blocks, blocks, blocks)
    return _resnet(in_channels, last, _basic, 1, widths, depths, _projection, stem_stride)


def resnet32(in_channels: int, last: nn.Module) -> Trunk:
    """The CIFAR net with 6n + 2 layers at n = 5, padded shortcuts (He et al. 2016, section 4.2)."""
    return _resnet(in_channels, last, _basic, 1, (16, 32, 64), (5, 5, 5), _padding)


def resnet18(in_channels: int, last: nn.Module) -> Trunk:
    """ResNet-18 with a 3x3 stem of stride 1 and no max-pool."""
    widths = (64, 128, 256, 512)
    return _resnet(in_channels, last, _basic, 1, widths, (2, 2, 2, 2), _projection)


def resnet50(in_channels: int, last: nn.Module) -> Trunk:
    """ResNet-50 with a 3x3 stem of stride 1 and no max-pool."""
    widths = (64, 128, 256, 512)
    return _resnet(in_channels, last, _bottleneck, 4, widths, (3, 4, 6, 3), _projection)


def _resnet(
    in_channels: int,
    last: nn.Module,
    branch: Branch,
    expansion: int,
    widths: tuple[int, ...],
    depths: tuple[int, ...],
    shortcut: Shortcut,
    stem_stride: int = 1,
) -> Trunk:
    """Stem, stages (each after the first halves the image), global average pooling."""
    channels = widths[0]
    stem = nn.Sequential(*_conv_norm(in_channels, channels, 3, stem_stride), nn.ReLU())
    blocks: list[ResidualBlock] = []
    for stage, (width, depth) in enumerate(zip(widths, depths, strict=True)):
        for position in range(depth):
            stride = 2 if stage > 0 and position == 0 else 1
            out = width * expansion
            link = shortcut(channels, out, stride)
            blocks.append(ResidualBlock(branch(channels, width, stride), link, nn.ReLU()))
            channels = out
    blocks[-1].activation = last
    pooling = (nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return Trunk(nn.Sequential(stem, *blocks, *pooling), channels)


def _conv_norm(channels: int, out: int, kernel: int, stride: int = 1) -> tuple[nn.Module, ...]:
    # No bias: the normalisation that follows would subtract it.
    conv = nn.Conv2d(channels, out, kernel, stride, padding=kernel // 2, bias=False)
    return conv, nn.BatchNorm2d(out)


def _basic(channels: int, width: int, stride: int) -> nn.Sequential:
    first = _conv_norm(channels, width, 3, stride)
    return nn.Sequential(*first, nn.ReLU(), *_conv_norm(width, width, 3))


def _bottleneck(channels: int, width: int, stride: int) -> nn.Sequential:
    reduce = _conv_norm(channels, width, 1)
    spatial = _conv_norm(width, width, 3, stride)
    expand = _conv_norm(width, 4 * width, 1)
    return nn.Sequential(*reduce, nn.ReLU(), *spatial, nn.ReLU(), *expand)


def _projection(channels: int, out: int, stride: int) -> nn.Module:
    """Identity where shapes agree, else 1x1 convolution and normalisation (option B)."""
    if channels == out and stride == 1:
        return nn.Identity()
    return nn.Sequential(*_conv_norm(channels, out, 1, stride))


def _padding(channels: int, out: int, stride: int) -> nn.Module:
    """Identity where shapes agree, else zeros for the new channels (option A)."""
    if channels == out and stride == 1:
        return nn.Identity()
    return PaddedShortcut(out - channels, stride)
