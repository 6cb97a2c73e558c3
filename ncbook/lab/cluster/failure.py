"""Tasks that ended without an answer of their own."""

from dask.distributed import KilledWorker


def describe(error: BaseException | None) -> tuple[str, str]:
    """Cause and cure of a task's failure, a sentence each without a final stop."""
    if isinstance(error, KilledWorker):
        return (
            f"{error.allowed_failures + 1} workers died at work on it, perhaps for want of memory",
            "Look into their logs, then run the same command again: it goes on",
        )
    return (
        f"Unexpected {type(error).__name__} on a worker: {error}".rstrip("."),
        "Run it without a cluster, as `ncbook --debug …`, to see where",
    )
