"""Fixed, class-stratified subsets: the same images for a seed on every machine."""

from dataclasses import dataclass
from math import floor
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ncbook.errors import NcbookError
from ncbook.lab.data.dataset import Arrays, Dataset, Images, Labels
from ncbook.lab.data.orientations import turned

Imbalance = Literal["none", "step", "lt"]
_TRAIN, _TEST, _LABELS = 0, 1, 2


@dataclass(frozen=True)
class SubsetConfig:
    """Which images to use.

    Attributes:
        train_size: k · n_max: the number of training images if balanced. Under imbalance it fixes
            n_max = ⌊train_size / k⌋, and there are fewer images in all.
        test_size: number of test images, always balanced: ⌊test_size / k⌋ a class.
        imbalance: ``"none"``; ``"step"``: the first ⌈k/2⌉ classes n_max, the others n_max / R;
            ``"lt"`` (long tail): n_c = n_max R^(−c/(k−1)).
        ratio: R = n_max / n_min ≥ 1.
        shuffled_labels: share of the training images whose labels are shuffled among them, so that
            class sizes stay as they are. Test labels stay true.
        orientations: m; with more than one, every image is turned by each multiple of 1/m of a full
            turn, and what it shows and how it is turned make its class: m·k of them, m·c + j for
            class c and the j-th angle. Sizes are those after turning.
        seed: which images are chosen, and which labels are shuffled.
    """

    train_size: int = 1000
    test_size: int = 2000
    imbalance: Imbalance = "none"
    ratio: float = 1.0
    shuffled_labels: float = 0.0
    orientations: int = 1
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Subset(Arrays):
    """Chosen images and labels, copied into memory, with their ascending places in the splits.

    Of a turned image there is one place and several copies.
    """

    train_indices: NDArray[np.int64]
    test_indices: NDArray[np.int64]


def class_counts(config: SubsetConfig, num_classes: int) -> tuple[int, ...]:
    """Training images of each class, c = 0 … k−1, rounded to the nearest (halves up), at least 1.

    Before they are turned, if they are.

    Raises:
        NcbookError: if the configuration makes no sense (exit code 2).
    """
    _check(config, num_classes)
    n_max = config.train_size // (num_classes * config.orientations)
    return tuple(max(1, floor(n_max * share + 0.5)) for share in _shares(config, num_classes))


def subset(dataset: Dataset, config: SubsetConfig) -> Subset:
    """The images of ``dataset`` that ``config`` asks for.

    Raises:
        NcbookError: if a class has fewer images than asked for, or the configuration makes no sense
            (exit code 2).
    """
    train_counts = class_counts(config, dataset.num_classes)
    k = dataset.num_classes
    test_counts = (config.test_size // (k * config.orientations),) * k
    train = _choose(dataset, dataset.train_labels, train_counts, config.seed, _TRAIN)
    test = _choose(dataset, dataset.test_labels, test_counts, config.seed, _TEST)
    seen = (
        np.ascontiguousarray(dataset.train_images[train]),
        _shuffled(dataset.train_labels[train], config),
    )
    held_out = np.ascontiguousarray(dataset.test_images[test]), dataset.test_labels[test]
    if config.orientations > 1:
        seen, held_out = (turned(*part, config.orientations) for part in (seen, held_out))
    return Subset(*seen, *held_out, train, test)


def unseen(dataset: Dataset, config: SubsetConfig, size: int) -> tuple[Images, Labels]:
    """Training images that `subset` leaves out, those that it would take next, and true labels.

    Args:
        dataset: where both come from.
        config: of the subset; its images are turned, these are too.
        size: how many, balanced whatever the subset is: ⌊size / k⌋ of each of k classes.

    Raises:
        NcbookError: as `subset`, or if ``size`` isn't enough for one of each class (exit code 2).
    """
    taken = class_counts(config, dataset.num_classes)
    more = size // (dataset.num_classes * config.orientations)
    if more < 1:
        classes = dataset.num_classes * config.orientations
        raise _wrong(f"{size} unseen images are too few", f"Ask for at least {classes}")
    labels, wider = dataset.train_labels, tuple(count + more for count in taken)
    first, all_of_them = (
        _choose(dataset, labels, counts, config.seed, _TRAIN) for counts in (taken, wider)
    )
    fresh = np.setdiff1d(all_of_them, first, assume_unique=True)  # ascending
    found = np.ascontiguousarray(dataset.train_images[fresh]), labels[fresh]
    return turned(*found, config.orientations) if config.orientations > 1 else found


def _check(config: SubsetConfig, num_classes: int) -> None:
    if config.imbalance not in ("none", "step", "lt"):
        raise _wrong(f"imbalance {config.imbalance!r} is unknown", "Use 'none', 'step' or 'lt'")
    if not config.ratio >= 1:
        raise _wrong(
            f"The imbalance ratio {config.ratio} is below 1", "Give R = n_max / n_min, at least 1"
        )
    if not 0 <= config.shuffled_labels <= 1:
        raise _wrong(
            f"A share of {config.shuffled_labels} of the labels can't be shuffled",
            "Give shuffled_labels between 0 and 1",
        )
    if config.imbalance == "none" and config.ratio != 1:
        raise _wrong(
            f"A ratio of {config.ratio} without imbalance", "Set imbalance to 'step' or 'lt'"
        )
    if not isinstance(config.orientations, int) or config.orientations < 1:
        raise _wrong(
            f"orientations is {config.orientations!r}", "Give a whole number of at least 1"
        )
    classes = num_classes * config.orientations
    if min(config.train_size, config.test_size) < classes:
        raise _wrong(
            f"{config.train_size} training and {config.test_size} test images are too few for"
            f" {classes} classes",
            f"Ask for at least {classes} of each",
        )


def _wrong(cause: str, cure: str) -> NcbookError:
    return NcbookError(cause, cure, exit_code=2)


def _shares(config: SubsetConfig, num_classes: int) -> list[float]:
    """n_c / n_max before rounding."""
    if config.imbalance == "step":
        majority = (num_classes + 1) // 2
        return [1.0] * majority + [1 / config.ratio] * (num_classes - majority)
    if config.imbalance == "lt":
        return [config.ratio ** (-c / max(num_classes - 1, 1)) for c in range(num_classes)]
    return [1.0] * num_classes


def _choose(
    dataset: Dataset, labels: Labels, counts: tuple[int, ...], seed: int, split: int
) -> NDArray[np.int64]:
    chosen = [
        _choose_of_class(dataset, np.flatnonzero(labels == label), label, count, seed, split)
        for label, count in enumerate(counts)
    ]
    return np.sort(np.concatenate(chosen))


def _choose_of_class(
    dataset: Dataset, members: NDArray[np.int64], label: int, count: int, seed: int, split: int
) -> NDArray[np.int64]:
    if count > len(members):
        kind = "test" if split == _TEST else "training"
        raise _wrong(
            f"Class {label} ({dataset.class_names[label]}) of {dataset.name} has {len(members)}"
            f" {kind} images, and {count} were asked for",
            "Ask for a smaller subset",
        )
    return members[_order(len(members), seed, split, label)[:count]]


def _shuffled(labels: Labels, config: SubsetConfig) -> Labels:
    count = round(config.shuffled_labels * len(labels))
    rows = _order(len(labels), config.seed, _LABELS, 0)[:count]
    found = labels.copy()
    found[rows] = labels[rows[_order(count, config.seed, _LABELS, 1)]]
    return found


def _order(length: int, seed: int, *purpose: int) -> NDArray[np.int64]:
    """A permutation of so many places, the same for a seed and a purpose, (length,)."""
    # The raw stream of a NumPy bit generator never changes between versions or machines; what
    # Generator methods make of it may.
    stream = np.random.PCG64(np.random.SeedSequence(seed, spawn_key=purpose))
    return np.argsort(stream.random_raw(length), kind="stable")
