"""More classes than a data set has: every image at several angles, which are part of its class."""

import numpy as np
from scipy.ndimage import rotate

from ncbook.lab.data.dataset import Images, Labels

_GREY = np.uint8(128)


def turned(images: Images, labels: Labels, orientations: int) -> tuple[Images, Labels]:
    """Each image at each of m angles, j/m of a full turn, as class m·c + j.

    Only the inscribed disc is kept, on grey: else the corners, and not what is seen, would tell the
    angle.

    Args:
        images: (n, H, W, C), H = W.
        labels: (n,) c.
        orientations: m ≥ 2.

    Returns:
        (n·m, H, W, C) and (n·m,), an image's angles side by side.
    """
    disc = _disc(images.shape[1])
    angles = 360 * np.arange(orientations) / orientations
    views = [np.where(disc, _rotated(images, angle), _GREY) for angle in angles]
    stacked = np.stack(views, 1)  # (n, m, H, W, C)
    classes = orientations * labels[:, None] + np.arange(orientations)  # (n, m)
    return stacked.reshape(-1, *images.shape[1:]), classes.reshape(-1).astype(labels.dtype)


def _rotated(images: Images, angle: float) -> Images:
    # Linear interpolation never leaves the range of its neighbours, so uint8 can't wrap around.
    turned_images: Images = rotate(
        images, angle, axes=(1, 2), reshape=False, order=1, mode="nearest"
    )
    return turned_images


def _disc(size: int) -> np.ndarray:
    """Which pixels lie in the inscribed disc, (1, H, W, 1)."""
    offsets = np.arange(size) - (size - 1) / 2
    inside: np.ndarray = np.hypot(offsets[:, None], offsets) <= size / 2
    return inside[None, :, :, None]
