"""Subsets: how many of each class, which ones, and always the same."""

from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ncbook.errors import NcbookError
from ncbook.lab.data import Dataset, SubsetConfig, class_counts, subset, unseen
from ncbook.lab.data.orientations import turned

GOLDEN_TRAIN = [
    3,
    75,
    152,
    156,
    203,
    212,
    221,
    277,
    287,
    304,
    370,
    419,
    438,
    451,
    480,
    528,
    534,
    556,
    559,
    595,
]
GOLDEN_TEST = [54, 56, 68, 102, 155, 193, 211, 240, 279, 287]


def dataset(per_class: int = 60, num_classes: int = 10, test_per_class: int = 30) -> Dataset:
    """Images whose first pixels spell their own index, in shuffled class order."""
    rng = np.random.default_rng(0)

    def split(count: int) -> tuple[np.ndarray, np.ndarray]:
        labels = rng.permutation(np.repeat(np.arange(num_classes), count))
        images = np.zeros((len(labels), 4, 4, 1), np.uint8)
        images[:, 0, 0, 0], images[:, 0, 1, 0] = np.divmod(np.arange(len(labels)), 256)
        return images, labels

    names = tuple(f"class-{label}" for label in range(num_classes))
    train, test = split(per_class), split(test_per_class)
    return Dataset(*train, *test, "made", "here", False, names, "0")


@pytest.mark.parametrize(
    ("config", "counts"),
    [
        (SubsetConfig(1000), [100] * 10),
        (SubsetConfig(1009), [100] * 10),
        (SubsetConfig(1000, imbalance="step", ratio=10), [100] * 5 + [10] * 5),
        (SubsetConfig(4000, imbalance="step", ratio=100), [400] * 5 + [4] * 5),
        (SubsetConfig(100, imbalance="step", ratio=100), [10] * 5 + [1] * 5),
        (SubsetConfig(1000, imbalance="step", ratio=8), [100] * 5 + [13] * 5),  # 12.5 goes up
        (SubsetConfig(1000, imbalance="lt", ratio=1), [100] * 10),
        (
            SubsetConfig(50_000, imbalance="lt", ratio=100),  # the known CIFAR-10-LT, rounded
            [5000, 2997, 1797, 1077, 646, 387, 232, 139, 83, 50],
        ),
    ],
)
def test_counts_by_hand(config: SubsetConfig, counts: list[int]) -> None:
    assert list(class_counts(config, 10)) == counts


def test_step_gives_the_odd_class_to_the_majority() -> None:
    config = SubsetConfig(50, imbalance="step", ratio=10)
    assert class_counts(config, 5) == (10, 10, 10, 1, 1)


@given(
    k=st.integers(2, 100),
    n_max=st.integers(1, 6000),
    ratio=st.floats(1, 1000),
    kind=st.sampled_from(["step", "lt"]),
)
@settings(max_examples=100, deadline=None)
def test_counts_fall_from_n_max_to_n_max_over_r(
    k: int, n_max: int, ratio: float, kind: str
) -> None:
    counts = class_counts(SubsetConfig(k * n_max, k, kind, ratio), k)  # type: ignore[arg-type]
    assert counts[0] == n_max
    assert list(counts) == sorted(counts, reverse=True)
    least = (Decimal(n_max) / Decimal(ratio)).quantize(Decimal(1), ROUND_HALF_UP)
    assert abs(counts[-1] - max(1, int(least))) <= (n_max / ratio % 1 == 0.5)


def test_a_subset_has_the_images_its_indices_name() -> None:
    data = dataset()
    chosen = subset(data, SubsetConfig(300, 100, "lt", 10, seed=3))
    assert np.array_equal(chosen.train_images, data.train_images[chosen.train_indices])
    assert np.array_equal(chosen.train_labels, data.train_labels[chosen.train_indices])
    assert np.array_equal(chosen.test_images, data.test_images[chosen.test_indices])
    assert np.array_equal(chosen.test_labels, data.test_labels[chosen.test_indices])
    assert chosen.train_images.flags.owndata
    assert chosen.train_images.flags.c_contiguous


@pytest.mark.parametrize("kind", ["none", "step", "lt"])
def test_a_subset_is_stratified_and_has_no_image_twice(kind: str) -> None:
    config = SubsetConfig(300, 100, kind, 1 if kind == "none" else 5, seed=1)  # type: ignore[arg-type]
    chosen = subset(dataset(), config)
    assert tuple(np.bincount(chosen.train_labels)) == class_counts(config, 10)
    assert tuple(np.bincount(chosen.test_labels)) == (10,) * 10
    for indices in (chosen.train_indices, chosen.test_indices):
        assert np.all(np.diff(indices) > 0)


def test_the_seed_decides() -> None:
    data = dataset()
    first, again, other = (subset(data, SubsetConfig(200, 100, seed=seed)) for seed in (1, 1, 2))
    assert np.array_equal(first.train_indices, again.train_indices)
    assert np.array_equal(first.test_indices, again.test_indices)
    assert not np.array_equal(first.train_indices, other.train_indices)
    assert not np.array_equal(first.test_indices, other.test_indices)


def test_the_choice_is_the_same_on_every_machine() -> None:
    """Written down once: PCG64's raw stream may not change, nor may what is made of it."""
    in_turn = {"train_labels": np.arange(600) % 10, "test_labels": np.arange(300) % 10}
    chosen = subset(Dataset(**(vars(dataset()) | in_turn)), SubsetConfig(20, 10, seed=0))
    assert chosen.train_indices.tolist() == GOLDEN_TRAIN
    assert chosen.test_indices.tolist() == GOLDEN_TEST


def test_every_image_is_as_likely_as_any_other() -> None:
    """Over 400 seeds each of 60 images of a class is chosen 1 time in 6: within five deviations."""
    data = dataset(test_per_class=1)
    chosen = [subset(data, SubsetConfig(100, 10, seed=seed)).train_indices for seed in range(400)]
    counts = np.bincount(np.concatenate(chosen), minlength=600)
    deviation = np.sqrt(400 * (1 / 6) * (5 / 6))
    assert np.all(np.abs(counts - 400 / 6) < 5 * deviation)


def test_too_small_a_class_is_named() -> None:
    with pytest.raises(NcbookError, match=r"Class 0 \(class-0\) of made has 60 training") as caught:
        subset(dataset(), SubsetConfig(610, 100))
    assert "61 were asked for" in caught.value.cause
    assert caught.value.exit_code == 2
    with pytest.raises(NcbookError, match=r"has 30 test images, and 31 were asked for"):
        subset(dataset(), SubsetConfig(100, 310))


def test_a_small_minority_class_serves_under_imbalance() -> None:
    data = dataset()
    keep = (data.train_labels < 5) | (np.arange(len(data.train_labels)) % 10 == 0)
    fewer = {"train_images": data.train_images[keep], "train_labels": data.train_labels[keep]}
    rare = Dataset(**(vars(data) | fewer))
    chosen = subset(rare, SubsetConfig(500, 10, "step", 50))
    assert tuple(np.bincount(chosen.train_labels)) == (50,) * 5 + (1,) * 5


@pytest.mark.parametrize("share", [0.2, 1.0])
def test_shuffling_moves_labels_but_not_images_or_class_sizes(share: float) -> None:
    data, plain = dataset(), SubsetConfig(500, 100, "step", 5.0)
    true, mixed = (subset(data, replace(plain, shuffled_labels=s)) for s in (0.0, share))
    assert np.array_equal(true.train_images, mixed.train_images)
    assert np.array_equal(np.bincount(true.train_labels), np.bincount(mixed.train_labels))
    assert np.array_equal(true.test_labels, mixed.test_labels)
    n = len(true.train_labels)
    moved = np.mean(true.train_labels != mixed.train_labels)
    sizes = np.bincount(true.train_labels) / n
    expected = share * (1 - (sizes**2).sum())  # a shuffled label stays by chance
    assert abs(moved - expected) < 4 * np.sqrt(share * 0.25 / n)


def test_shuffled_labels_depend_on_the_seed_alone() -> None:
    data = dataset()
    labels = [
        subset(data, SubsetConfig(500, 100, shuffled_labels=1.0)).train_labels for _ in range(2)
    ]
    assert np.array_equal(*labels)


def pictures(n: int = 12, size: int = 32, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (n, size, size, channels), np.uint8)


def disc(size: int) -> np.ndarray:
    """Pixels whose centre is at most half a side from the image's, (size, size)."""
    squares = [(i - (size - 1) / 2) ** 2 for i in range(size)]
    return np.array([[down + right <= size**2 / 4 for right in squares] for down in squares])


@pytest.mark.parametrize(("size", "channels"), [(32, 3), (28, 1), (5, 1)])
def test_half_and_quarter_turns_move_pixels_and_change_none(size: int, channels: int) -> None:
    images, inside = pictures(size=size, channels=channels), disc(size)
    labels = np.arange(12)
    for count in (2, 4):
        views, _ = turned(images, labels, count)
        for j in range(count):
            turns = j * 4 // count
            expected = np.rot90(images, turns, axes=(1, 2))
            assert np.array_equal(views[j::count][:, inside], expected[:, inside])


def test_other_angles_interpolate_about_the_centre() -> None:
    """A ramp stays a ramp: at the j-th angle it rises in the direction turned by j/3 of a turn."""
    offsets = np.arange(32) - 15.5
    ramp = np.broadcast_to(np.rint(128 + 4 * offsets), (1, 32, 32)).astype(np.uint8)[..., None]
    views, _ = turned(ramp, np.array([0]), 3)
    inside = np.hypot(offsets[:, None], offsets) <= 14
    for j in range(3):
        angle = 2 * np.pi * j / 3
        # Counterclockwise as np.rot90: what was on the right comes to lie above.
        expected = 128 + 4 * (np.cos(angle) * offsets - np.sin(angle) * offsets[:, None])
        assert np.abs(views[j, ..., 0] - expected)[inside].max() <= 1


def test_outside_the_disc_nothing_tells_the_angle() -> None:
    images = pictures()
    views, _ = turned(images, np.arange(12), 5)
    assert views.dtype == np.uint8
    outside = views[:, ~disc(32)]
    assert outside.size
    assert np.all(outside == round(images.mean()))


def test_turned_images_belong_to_class_and_angle() -> None:
    labels = np.array([2, 0, 1, 1])
    views, classes = turned(pictures(4), labels, 3)
    assert len(views) == 12
    assert classes.tolist() == [6, 7, 8, 0, 1, 2, 3, 4, 5, 3, 4, 5]
    assert classes.dtype == labels.dtype


def coloured() -> Dataset:
    """The data set above with images large enough to turn."""
    data, rng = dataset(), np.random.default_rng(2)
    drawn = {
        f"{split}_images": rng.integers(0, 256, (len(labels), 8, 8, 1), np.uint8)
        for split, labels in (("train", data.train_labels), ("test", data.test_labels))
    }
    return Dataset(**(vars(data) | drawn))


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("kind", ["none", "step", "lt"])
def test_a_turned_subset_has_each_chosen_image_at_each_angle(count: int, kind: str) -> None:
    ratio = 1.0 if kind == "none" else 5.0
    plain = SubsetConfig(200, 100, kind, ratio, seed=3)  # type: ignore[arg-type]
    config = replace(plain, train_size=200 * count, test_size=100 * count, orientations=count)
    data = coloured()
    chosen, originals = subset(data, config), subset(data, plain)
    assert np.array_equal(chosen.train_indices, originals.train_indices)
    assert class_counts(config, 10) == class_counts(plain, 10)
    for split in ("train", "test"):
        images, labels = (getattr(originals, f"{split}_{part}") for part in ("images", "labels"))
        views, classes = turned(images, labels, count)
        assert np.array_equal(getattr(chosen, f"{split}_images"), views)
        assert np.array_equal(getattr(chosen, f"{split}_labels"), classes)
    sizes = np.repeat(class_counts(config, 10), count)
    assert np.array_equal(np.bincount(chosen.train_labels), sizes)
    assert np.array_equal(np.bincount(chosen.test_labels), [10] * 10 * count)


def test_sizes_are_those_after_turning() -> None:
    config = SubsetConfig(240, 80, orientations=4)
    assert class_counts(config, 10) == (6,) * 10
    chosen = subset(coloured(), config)
    assert (len(chosen.train_images), len(chosen.test_images)) == (240, 80)


def test_one_orientation_changes_nothing() -> None:
    data = coloured()
    assert np.array_equal(
        subset(data, SubsetConfig(200, 100, orientations=1)).train_images,
        data.train_images[subset(data, SubsetConfig(200, 100)).train_indices],
    )


@pytest.mark.parametrize(
    "config",
    [
        SubsetConfig(200, 100, seed=2),
        SubsetConfig(207, 100, shuffled_labels=1.0),
        SubsetConfig(300, 100, "step", 10.0),
        SubsetConfig(300, 100, "lt", 10.0, seed=1),
    ],
)
@pytest.mark.parametrize("size", [10, 105])
def test_unseen_images_are_balanced_others_with_true_labels(
    config: SubsetConfig, size: int
) -> None:
    data = dataset()
    images, labels = unseen(data, config, size)
    assert np.bincount(labels).tolist() == [size // 10] * 10
    indices = images[:, 0, 0, 0].astype(int) * 256 + images[:, 0, 1, 0]
    assert not np.isin(indices, subset(data, config).train_indices).any()
    assert len(np.unique(indices)) == len(indices)
    assert np.array_equal(data.train_labels[indices], labels)


def test_unseen_images_are_what_a_larger_subset_adds() -> None:
    data = dataset()
    smaller, larger = (subset(data, SubsetConfig(n, 100)).train_indices for n in (200, 300))
    added = np.setdiff1d(larger, smaller)
    assert np.array_equal(unseen(data, SubsetConfig(200, 100), 100)[0], data.train_images[added])


def test_unseen_images_are_turned_as_the_seen_ones() -> None:
    data = coloured()
    images, labels = unseen(data, SubsetConfig(400, 100, orientations=2), 120)
    plain, classes = unseen(data, SubsetConfig(200, 100), 60)
    views, expected = turned(plain, classes, 2)
    assert np.array_equal(images, views)
    assert np.array_equal(labels, expected)


def test_too_many_or_too_few_unseen_images_are_wrong_usage() -> None:
    for size, complaint in (
        (420, "60 training images, and 62"),
        (9, "9 unseen images are too few"),
    ):
        with pytest.raises(NcbookError, match=complaint) as caught:
            unseen(dataset(), SubsetConfig(200, 100), size)
        assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        (SubsetConfig(imbalance="exponential", ratio=10), "'exponential' is unknown"),  # type: ignore[arg-type]
        (SubsetConfig(imbalance="step", ratio=0.5), "ratio 0.5 is below 1"),
        (SubsetConfig(imbalance="step", ratio=float("nan")), "ratio nan"),
        (SubsetConfig(ratio=10), "without imbalance"),
        (SubsetConfig(train_size=9), "too few for 10 classes"),
        (SubsetConfig(shuffled_labels=1.1), "share of 1.1"),
        (SubsetConfig(shuffled_labels=float("nan")), "share of nan"),
        (SubsetConfig(test_size=0), "too few for 10 classes"),
        (SubsetConfig(orientations=0), "orientations is 0"),
        (SubsetConfig(orientations=2.0), "orientations is 2.0"),  # type: ignore[arg-type]
        (SubsetConfig(39, orientations=4), "too few for 40 classes"),
        (SubsetConfig(test_size=39, orientations=4), "too few for 40 classes"),
    ],
)
def test_a_senseless_configuration_is_wrong_usage(config: SubsetConfig, complaint: str) -> None:
    with pytest.raises(NcbookError, match=complaint) as caught:
        class_counts(config, 10)
    assert caught.value.exit_code == 2
