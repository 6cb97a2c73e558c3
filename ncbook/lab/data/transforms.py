"""From uint8 images to what a network takes, and random flips and crops, a batch at a time."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad

_STANDS_IN = "-for-"  # in the name of a stand-in: what it is, and what it stands in for

# Mean and standard deviation of each channel over all pixels of the training split, in float64 on
# values in [0, 1] (not the mean over images of each image's own deviation, which is smaller).
# Computed from the real data; for CIFAR-100 published values, computed in the same way.
_STATISTICS: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "cifar10": ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    "cifar100": ((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)),
    "mnist": ((0.1307,), (0.3081,)),
    "fashionmnist": ((0.2860,), (0.3530,)),
    "digits": ((0.3049,), (0.3756,)),
}


def statistics(name: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation per channel of values in [0, 1]; a stand-in has the digits' own.

    Raises:
        ValueError: if ``name`` is unknown.
    """
    known = _STATISTICS.get(name.partition(_STANDS_IN)[0])
    if known is None:
        raise ValueError(f"name must be one of {', '.join(_STATISTICS)}, not {name!r}")
    return known


def normalise(images: NDArray[np.uint8] | Tensor, name: str) -> Tensor:
    """Zero mean and unit variance per channel over the data set.

    Args:
        images: (n, H, W, C) uint8; a tensor stays on its device.
        name: the data set's name, for its statistics.

    Returns:
        (n, C, H, W) float32, contiguous.

    Raises:
        ValueError: if ``images`` isn't such an array, or ``name`` is unknown.
    """
    pixels = images if isinstance(images, Tensor) else torch.tensor(np.ascontiguousarray(images))
    _check(pixels, name)
    mean, std = (torch.tensor(values, device=pixels.device) for values in statistics(name))
    scaled = pixels.permute(0, 3, 1, 2).to(torch.float32, memory_format=torch.contiguous_format)
    return scaled.div_(255).sub_(mean.view(-1, 1, 1)).div_(std.view(-1, 1, 1))


def _check(pixels: Tensor, name: str) -> None:
    if pixels.ndim != 4 or pixels.dtype != torch.uint8:
        raise ValueError(
            f"images must be (n, H, W, C) uint8, not {tuple(pixels.shape)} {pixels.dtype}"
        )
    channels = len(statistics(name)[0])
    if pixels.shape[-1] != channels and _STANDS_IN not in name:
        raise ValueError(f"images must have {channels} channels last, not {tuple(pixels.shape)}")


def augment(images: Tensor, generator: torch.Generator, margin: int = 4) -> Tensor:
    """A random crop after padding by zeros, then a random left-right flip, of each image.

    Zero is the mean colour of normalised images. The draws are made on the generator's device, so a
    CPU generator gives the same augmentation wherever the images are.

    Args:
        images: (n, C, H, W) float.
        generator: source of the draws; two calls with equal states give equal images.
        margin: pixels of padding on each side.

    Returns:
        (n, C, H, W), new memory.
    """
    n, channels, height, width = images.shape
    flipped, top, left = _draw(n, margin, generator, images.device)
    rows = top + torch.arange(height, device=images.device)  # (n, H)
    across = torch.arange(width, device=images.device).expand(n, width)
    columns = left + torch.where(flipped, across.flip(1), across)  # (n, W)
    places = rows[:, :, None] * (width + 2 * margin) + columns[:, None, :]  # (n, H, W)
    padded = pad(images, [margin] * 4).flatten(2)  # (n, C, padded H·W), what places point into
    every_channel = places.flatten(1).unsqueeze(1).expand(-1, channels, -1)  # (n, C, H·W)
    return padded.gather(2, every_channel).view(images.shape)


def _draw(
    n: int, margin: int, generator: torch.Generator, device: torch.device
) -> tuple[Tensor, Tensor, Tensor]:
    """Whether to flip, and the crop's upper left corner in the padded image: (n, 1) each."""
    flipped = torch.rand(n, 1, generator=generator, device=generator.device) < 0.5
    corner = torch.randint(2 * margin + 1, (2, n, 1), generator=generator, device=generator.device)
    top, left = corner.to(device)
    return flipped.to(device), top, left
