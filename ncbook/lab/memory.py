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
    except torch.OutOfMemoryError:
        pass  # outside this block nothing holds the failed step's activations any more
    if attempt is None:
        raise NcbookError(
            f"A rank's share of {batch_size} images doesn't fit into the memory of {device}",
            "Share each batch among more devices, or choose a smaller batch_size or network; the"
            " run goes on from its last checkpoint",
        )
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
