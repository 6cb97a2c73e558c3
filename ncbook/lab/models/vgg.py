"""VGGs for small images: torchvision's convolutions, one pooling at the end, no hidden layers."""

from torch import nn

from ncbook.lab.models.trunk import Trunk


def vgg5(in_channels: int, last: nn.Module) -> Trunk:
    """VGG11's small sibling: four convolutions of 16 to 64 channels, pooled after each."""
    from torchvision.models.vgg import make_layers

    layers = make_layers([16, "M", 32, "M", 64, "M", 64], batch_norm=True)
    layers[0] = nn.Conv2d(in_channels, 16, 3, padding=1)
    layers[-1] = last
    return Trunk(nn.Sequential(*layers, nn.AdaptiveMaxPool2d(1), nn.Flatten()), 64)


def vgg11(in_channels: int, last: nn.Module) -> Trunk:
    """Configuration A of Simonyan & Zisserman 2015, with batch normalisation.

    The last max-pool takes the maximum over the whole map. At 32x32 that map is 2x2, as in the
    paper; at 28x28 it is 1x1, which a 2x2 window would not fit.
    """
    from torchvision.models.vgg import cfgs, make_layers

    layers = make_layers(cfgs["A"][:-1], batch_norm=True)
    layers[0] = nn.Conv2d(in_channels, 64, 3, padding=1)
    layers[-1] = last
    return Trunk(nn.Sequential(*layers, nn.AdaptiveMaxPool2d(1), nn.Flatten()), 512)
