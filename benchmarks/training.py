"""Training throughput of the small net, beside its bare steps and a per-image DataLoader.

    python benchmarks/training.py [--json PATH]

Images a second over epochs of 1,000 CIFAR-10 images, ResNet-8, cross-entropy, on one thread as the
lab trains on a CPU; medians of epochs in alternation. "ncbook" is the lab's own epoch: order,
batches, augmentation, step, check of the loss. "bare" is forward, backward and optimiser step alone
on batches that were cut before. "DataLoader" feeds the same net the usual way: each image through
PIL and torchvision's transforms, in this process. All three have the same network, optimiser and
memory format. The target: 80 % of the bare rate.
"""

import functools
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a script too
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as ncbook does, but torch comes first here

import numpy as np
import torch
from PIL import Image
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset
from torchvision import transforms

from benchmarks.measuring import Figures, Work, json_path, machine, median_seconds, save
from ncbook.lab.config import RunConfig
from ncbook.lab.data import Dataset, SubsetConfig, get, subset
from ncbook.lab.data.transforms import statistics
from ncbook.lab.device import prepare
from ncbook.lab.session import Session

IMAGES = 1000
BATCH_SIZES = (50, 125)
ROUNDS = 9
CPU = torch.device("cpu")


class ImageByImage(TorchDataset[tuple[Tensor, int]]):
    """The lab's training images as torchvision's data sets give them: one at a time, from PIL."""

    def __init__(self, dataset: Dataset, config: RunConfig) -> None:
        part = subset(dataset, config.subset)
        self.images: np.ndarray = part.train_images
        self.labels: list[int] = part.train_labels.tolist()
        moves = [transforms.RandomCrop(32, padding=4), transforms.RandomHorizontalFlip()]
        scale = [transforms.ToTensor(), transforms.Normalize(*statistics(dataset.name))]
        self.transform = transforms.Compose((moves if config.augment else []) + scale)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, place: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.images[place])), self.labels[place]


def step(session: Session, images: Tensor, labels: Tensor) -> None:
    """Forward, backward and update, and nothing else."""
    logits = session.network(images).logits
    session.optimiser.zero_grad()
    cross_entropy(logits, labels).backward()
    session.optimiser.step()


def bare_epoch(session: Session, batches: list[tuple[Tensor, Tensor]]) -> None:
    for images, labels in batches:
        step(session, images, labels)


def loader_epoch(session: Session, loader: DataLoader[tuple[Tensor, int]]) -> None:
    for images, labels in loader:
        step(session, images.to(memory_format=torch.channels_last), labels)


def works(dataset: Dataset, config: RunConfig) -> dict[str, Work]:
    """One epoch each way, each with a network of its own that starts from the same weights."""
    ours, bare, loaded = (Session(config, dataset, CPU) for _ in range(3))
    cut = list(bare.batches())
    loader = DataLoader(ImageByImage(dataset, config), config.batch_size, shuffle=True)
    return {
        "ncbook": ours.run_epoch,
        "bare": functools.partial(bare_epoch, bare, cut),
        "DataLoader": functools.partial(loader_epoch, loaded, loader),
    }


def measure(dataset: Dataset, batch_size: int, augment: bool) -> Figures:
    config = RunConfig(
        subset=SubsetConfig(IMAGES, 100), batch_size=batch_size, augment=augment, epochs=ROUNDS + 1
    )
    seconds = median_seconds(works(dataset, config), ROUNDS)
    return {"images/s": {name: IMAGES / value for name, value in seconds.items()}}


def show(figures: dict[str, Figures]) -> None:
    columns = ("images/s", "ncbook", "bare", "of bare", "DataLoader", "of DataLoader")
    table = Table(title="Training ResNet-8", caption=machine())
    for column in columns:
        table.add_column(column, justify="right")
    for case, measured in figures.items():
        ours, bare, loader = measured["images/s"].values()
        beside = ((peer, ours / peer) for peer in (bare, loader))
        cells = (cell for peer, share in beside for cell in (f"{peer:.0f}", f"{share:.0%}"))
        table.add_row(case, f"{ours:.0f}", *cells)
    Console().print(table)


def main(arguments: list[str] | None = None) -> None:
    path = json_path(__doc__, arguments)
    dataset = get("cifar10")
    torch.set_num_threads(1)
    prepare(CPU)
    figures = {
        f"batch {size}{', augmented' if augment else ''}": measure(dataset, size, augment)
        for augment in (False, True)
        for size in BATCH_SIZES
    }
    show(figures)
    save(figures, path)


if __name__ == "__main__":
    main()
