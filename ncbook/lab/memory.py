"""What to do when a batch doesn't fit into the accelerator: say which size does."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from ncbook.errors import NcbookError


@contextmanager
def fitting(batch_size: int, device: str, attempt: Callable[[int], None] | None) -> Iterator[None]:
    """Turns running out of the device's memory into an error that names the size which fits.

    Batch normalisation couples the images of a batch, so a batch can't be cut into parts that are
    trained one after the other: their gradients would be those of another network. Several
    processes that normalise together have the very gradient of the whole batch.

    Args:
        batch_size: images in the batch that is being trained on.
        device: its name, for the message.
        attempt: goes forward and backward through so many images, changing no weight; None if that
            can't be done.

    Raises:
        NcbookError: in place of torch's error.
    """
    try:
        yield
        return
    except torch.OutOfMemoryError as error:
        if attempt is None:
            raise NcbookError(
                f"A rank's share of {batch_size} images doesn't fit into the memory of {device}",
                "Share each batch among more devices, or choose a smaller batch_size or network;"
                " the run goes on from its last checkpoint",
            ) from error
    # Outside that block nothing holds the failed step's activations any more.
    fits = largest_fitting(batch_size, attempt)
    if not fits:
        raise NcbookError(
            f"Not even one image of the batch fits into the memory of {device}",
            "Free memory on it, or choose a smaller network",
        )
    ranks = -(-batch_size // fits)
    raise NcbookError(
        f"A batch of {batch_size} images doesn't fit into the memory of {device}; {fits} do",
        f"Share each batch among {ranks} devices (torchrun --nproc-per-node {ranks}), which gives"
        " the same gradients, or choose a smaller batch_size; the run goes on from its last"
        " checkpoint",
    )


@contextmanager
def holding(device: str, alone: bool) -> Iterator[None]:
    """Turns running out of the device's memory elsewhere than in a step into an error.

    Args:
        device: its name, for the message.
        alone: whether this process trains without others, so that nobody waits for it. Otherwise
            the error keeps torch's as its cause: what may be this rank's alone ends the command.

    Raises:
        NcbookError: in place of torch's error.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise NcbookError(
            f"Images, network and measurements don't fit into the memory of {device}",
            "Free memory on it, or choose a smaller network; the run goes on from its last"
            " checkpoint",
        ) from (None if alone else error)


def largest_fitting(batch_size: int, attempt: Callable[[int], None]) -> int:
    """The largest of ``batch_size`` halved again and again that ``attempt`` survives, or 0."""
    size = batch_size // 2
    while size:
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        try:
            attempt(size)
        except torch.OutOfMemoryError:
            size //= 2
        else:
            return size
    return 0
