"""What a task asks of the worker that does it."""

from collections.abc import Collection, Mapping

from ncbook.errors import NcbookError
from ncbook.lab.config import RunConfig
from ncbook.lab.data import class_counts

GPU, MEMORY = "GPU", "MEMORY"
BYTES_OF_IMAGE = 3 * 32 * 32 * 4
TORCH = 2**30  # bytes, for the libraries and a network in training


def needs(
    what: str, memory: float, device: str, offers: Collection[Mapping[str, float]]
) -> dict[str, float]:
    """Dask resources of a task: ``GPU`` in pieces, ``MEMORY`` of the machine in bytes.

    Dask gives a task that asks for something only to workers that declare it, so each is asked for
    only where some worker does.

    Args:
        what: the task is, for messages.
        memory: that it needs, in bytes.
        device: ``auto`` takes a GPU where there are any.
        offers: what each worker declares.

    Raises:
        NcbookError: if no worker has enough, for then Dask would wait for ever (exit code 2).
    """
    wanted: dict[str, float] = {GPU: 0 if device == "cpu" else 1, MEMORY: memory}
    most = {name: max((offer.get(name, 0) for offer in offers), default=0) for name in wanted}
    if device == "cuda" and not most[GPU]:
        raise NcbookError(
            "No worker of the cluster offers a GPU",
            'Start workers with `dask worker --resources "GPU=1"`, or use device auto or cpu',
            2,
        )
    if 0 < most[MEMORY] < memory:
        raise NcbookError(
            f"{what} needs about {memory / 1e9:.1f} GB of memory,"
            f" and the largest worker offers {most[MEMORY] / 1e9:.1f} GB",
            "Start fewer workers on a machine",
            2,
        )
    return {name: amount for name, amount in wanted.items() if amount and most[name]}


def memory_of(config: RunConfig) -> float:
    """About what training takes of the machine's memory, in bytes."""
    angles = config.subset.orientations
    train = angles * sum(class_counts(config.subset, config.model.num_classes // angles))
    # As stored, as a subset, and as floats on the device: three times is a safe guess.
    return TORCH + 3.0 * BYTES_OF_IMAGE * (train + angles * config.subset.test_size)
