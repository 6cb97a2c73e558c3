"""Data sets for the experiments: got once, checked, kept decoded, cut into fixed subsets."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ncbook.lab.data.dataset import Dataset
from ncbook.lab.data.loading import DatasetRecord, get, list_datasets, load_dataset, verify
from ncbook.lab.data.subsets import Subset, SubsetConfig, class_counts, subset, unseen

if TYPE_CHECKING:
    from ncbook.lab.data.transforms import augment, normalise

__all__ = [
    "Dataset",
    "DatasetRecord",
    "Subset",
    "SubsetConfig",
    "augment",
    "class_counts",
    "get",
    "list_datasets",
    "load_dataset",
    "normalise",
    "subset",
    "unseen",
    "verify",
]


def __getattr__(name: str) -> Any:
    """Import what needs PyTorch when asked for: the command line lists data sets without it."""
    if name in ("augment", "normalise"):
        return getattr(import_module("ncbook.lab.data.transforms"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
