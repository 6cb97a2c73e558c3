"""scikit-learn's handwritten digits: a data set of its own, and the stand-in for the others."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from ncbook.lab.data.catalogue import Spec
from ncbook.lab.data.dataset import Arrays, Dataset, Images, Labels
from ncbook.lab.data.hashing import arrays_digests, dataset_digest

NAME = "digits"
SHAPE = (8, 8, 1)
CLASS_NAMES = tuple("0123456789")
SOURCE = "scikit-learn's copy of the UCI handwritten digits"
_TEST_EVERY = 4  # every fourth image of a class is a test image
_SHIFT = 3  # a stand-in's copies are moved by up to this many pixels each way


def load() -> Dataset:
    """The 1,797 digits as they are, 8×8 in grey, one in four of each class for testing."""
    return _dataset(_digits(), NAME, SOURCE, fallback=False)


def stand_in(spec: Spec) -> Dataset:
    """Digits in the image size and with the numbers of images of another data set.

    Each digit is enlarged and repeated at up to 49 positions; training and test copies come from
    different originals. There are ten classes whatever the data set has, in equal numbers.

    Args:
        spec: the data set to stand in for.
    """
    digits = _digits()
    train = _repeat(digits.train_images, digits.train_labels, spec.shape, spec.sizes[0])
    test = _repeat(digits.test_images, digits.test_labels, spec.shape, spec.sizes[1])
    source = f"stand-in for {spec.name}, which no source gave: {SOURCE}, enlarged and shifted"
    return _dataset(Arrays(*train, *test), f"{NAME}-for-{spec.name}", source, fallback=True)


@cache
def _digits() -> Arrays:
    from sklearn.datasets import load_digits  # takes a second, and few callers need it

    bunch = load_digits()
    images = np.rint(bunch.images * (255 / 16)).astype(np.uint8)[..., None]  # (n, 8, 8, 1)
    labels = bunch.target.astype(np.int64)
    test = _rank_in_class(labels) % _TEST_EVERY == _TEST_EVERY - 1
    arrays = Arrays(images[~test], labels[~test], images[test], labels[test])
    for array in arrays.named().values():
        array.setflags(write=False)  # all callers share them; and those of other sets are so too
    return arrays


def _rank_in_class(labels: Labels) -> NDArray[np.int64]:
    """For each image, how many of its class come before it."""
    rank = np.zeros_like(labels)
    for label in np.unique(labels):
        members = labels == label
        rank[members] = np.arange(members.sum())
    return rank


def _repeat(
    images: Images, labels: Labels, shape: tuple[int, int, int], total: int
) -> tuple[Images, Labels]:
    side, _, channels = shape
    scale = side // images.shape[1]
    large = images.repeat(scale, axis=1).repeat(scale, axis=2)[..., 0]  # (n, s, s)
    margin = _SHIFT + (side - large.shape[1]) // 2
    padded = np.pad(large, ((0, 0), (margin, margin), (margin, margin)))
    shifted = [padded[:, y : y + side, x : x + side] for y, x in _positions()]
    labels = np.tile(labels, len(shifted))  # (49 n,)
    chosen = _rank_in_class(labels) < total // len(CLASS_NAMES)
    grey = np.concatenate(shifted)[chosen][..., None]  # (total, H, W, 1)
    # The channels of an image are one and the same grey: no need to hold it more than once.
    return np.broadcast_to(grey, (*grey.shape[:3], channels)), labels[chosen]


def _positions() -> list[tuple[int, int]]:
    """Where a copy's window begins: first the centred one, then farther and farther from it."""
    offsets = [(y, x) for y in range(2 * _SHIFT + 1) for x in range(2 * _SHIFT + 1)]
    return sorted(offsets, key=lambda offset: max(abs(offset[0] - _SHIFT), abs(offset[1] - _SHIFT)))


def _dataset(arrays: Arrays, name: str, source: str, *, fallback: bool) -> Dataset:
    return Dataset(
        **arrays.named(),
        name=name,
        source=source,
        fallback=fallback,
        class_names=CLASS_NAMES,
        digest=dataset_digest(arrays_digests(arrays)),
    )
