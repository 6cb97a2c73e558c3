"""What features are worth elsewhere: a linear classifier on data that the network never saw."""

from pathlib import Path

import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor
from torch.nn.functional import pad

from ncbook.lab.data import SubsetConfig, load_dataset, normalise, subset, unseen
from ncbook.lab.measurement import embed
from ncbook.lab.models import Network
from ncbook.lab.runs import Run

Labelled = tuple[Tensor, Tensor]  # features (n, d), labels (n,)


def linear_probe(train: Labelled, test: Labelled) -> float:
    """Test accuracy of multinomial logistic regression on frozen features.

    Each coordinate is standardised on the training features, so that their scale doesn't set how
    strongly scikit-learn's default penalty (C = 1) regularises.
    """
    return float((probe_decisions(train, test[0]) == test[1].cpu()).double().mean())


def probe_decisions(train: Labelled, features: Tensor) -> Tensor:
    """The classes that the classifier of `linear_probe` decides for other features, (m,)."""
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    probe.fit(train[0].cpu().numpy(), train[1].cpu().numpy())
    return torch.from_numpy(probe.predict(features.cpu().numpy()))


def embed_elsewhere(
    network: Network, dataset: str, images: SubsetConfig, data_dir: str | Path | None = None
) -> tuple[Labelled, Labelled]:
    """Raw features of another data set's images, with the labels that they have there.

    Images are brought to the network's shape: grey is repeated over its channels, and 28x28 pixels
    are framed with the mean colour to 32x32.

    Args:
        network: the frozen network.
        dataset: name of the data set.
        images: which images.
        data_dir: as in `load_dataset`.

    Returns:
        For training and for test images: features (n, d) on the network's device, labels (n,).

    Raises:
        NcbookError: if the data can't be had, or the subset makes no sense.
    """
    source = load_dataset(dataset, data_dir)
    part = subset(source, images)
    train, test = (
        embed(network, _fitted(normalise(pixels, source.name), network.in_channels))
        for pixels in (part.train_images, part.test_images)
    )
    train_labels, test_labels = map(torch.as_tensor, (part.train_labels, part.test_labels))
    return (train, train_labels), (test, test_labels)


def embed_unseen(run: Run, size: int, data_dir: str | Path | None = None) -> Labelled:
    """Raw features of training images that a run never saw, (n, d), and their true labels, (n,).

    They come from the same split as the training images, so a classifier can be trained on them
    whose features don't depend on them.

    Args:
        run: the finished run.
        size: how many images, the same number of each class: ⌊size / k⌋.
        data_dir: as in `load_dataset`.

    Raises:
        NcbookError: if the data can't be had, or has too few images.
    """
    source = load_dataset(run.config.dataset, data_dir)
    images, labels = unseen(source, run.config.subset, size)
    return embed(run.model(), normalise(images, source.name)), torch.as_tensor(labels)


def transfer_accuracy(
    network: Network, dataset: str, images: SubsetConfig, data_dir: str | Path | None = None
) -> float:
    """Test accuracy of a linear probe on the features that `embed_elsewhere` gives."""
    return linear_probe(*embed_elsewhere(network, dataset, images, data_dir))


def _fitted(images: Tensor, channels: int) -> Tensor:
    """Normalised images as the network takes them, (n, channels, 32, 32)."""
    margin = (32 - images.shape[-1]) // 2
    framed = pad(images, [margin] * 4)  # zero is the mean colour
    if framed.shape[1] == channels:
        return framed
    return framed.mean(1, keepdim=True).expand(-1, channels, -1, -1)
