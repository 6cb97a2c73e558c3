"""Data that the user already has, in torchvision's own folder formats."""

from dataclasses import dataclass
from pathlib import Path

from ncbook.lab.data.dataset import Arrays
from ncbook.lab.data.decode import CifarLayout, read_cifar, read_cifar_archive, read_idx_folder
from ncbook.lab.data.failures import SourceFailure


@dataclass(frozen=True)
class IdxLayout:
    """Where torchvision puts the IDX files of MNIST and its kin, below the root."""

    folder: str


Layout = CifarLayout | IdxLayout


def find(directory: Path, layout: Layout) -> Path | None:
    """The folder or archive below ``directory`` that holds the data set; None if there is none."""
    if isinstance(layout, IdxLayout):
        candidates, mark = [directory / layout.folder, directory], "train-images-idx3-ubyte"
        return next((path for path in candidates if any(path.glob(mark + "*"))), None)
    candidates, mark = [directory / layout.folder, directory], layout.test[0][0]
    archive = directory / layout.archive
    unpacked = next((path for path in candidates if (path / mark).is_file()), None)
    return unpacked or (archive if archive.is_file() else None)


def read(path: Path, layout: Layout) -> Arrays:
    """Decode what `find` found.

    Raises:
        SourceFailure: if a file is missing or is not the published one.
    """
    try:
        if isinstance(layout, IdxLayout):
            return read_idx_folder(path)
        if path.is_file():
            return read_cifar_archive(path, layout)
        return read_cifar(lambda name: (path / name).read_bytes(), layout)
    except OSError as error:
        raise SourceFailure(f"{error.filename} can't be read ({error.strerror})") from error
