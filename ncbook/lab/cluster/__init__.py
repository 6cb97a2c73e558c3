"""Runs on many machines through Dask distributed: ``train_on_cluster``.

A task is one run. What a machine's death costs is the time since the run's last checkpoint.
"""

from ncbook.errors import NcbookError

try:
    import dask.distributed  # noqa: F401
    import fsspec  # noqa: F401
except ImportError as error:
    raise NcbookError(
        f"Clusters need {error.name}, which isn't installed", 'pip install "ncbook[cluster]"', 2
    ) from error

from ncbook.lab.cluster.connect import LOCAL, connected
from ncbook.lab.cluster.dispatch import train_on_cluster
from ncbook.lab.outcome import Outcome

__all__ = ["LOCAL", "Outcome", "connected", "train_on_cluster"]
