"""How far runs are on other machines, as far as the shared store tells."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from ncbook.lab import shared


@dataclass(frozen=True)
class Elsewhere:
    """What the shared store holds; nothing if there is none.

    Attributes:
        finished: ids of finished runs.
        reached: epochs done of unfinished runs, by id, from the names of their checkpoints.
        busy: whether a cluster is at work on the store.
    """

    finished: frozenset[str] = frozenset()
    reached: Mapping[str, int] = field(default_factory=dict)
    busy: bool = False


def elsewhere() -> Elsewhere:
    """Look into the store that ``NCBOOK_STORE`` names.

    Raises:
        NcbookError: if it can't be read.
    """
    if not os.environ.get(shared.VARIABLE):
        return Elsewhere()
    from ncbook.lab.cluster import lease

    there = lease.store_in_use()
    begun = {run_id: there.names("checkpoints", run_id) for run_id in there.names("checkpoints")}
    reached = {run_id: int(names[-1].split("-")[0]) for run_id, names in begun.items() if names}
    held = lease.read(there)
    return Elsewhere(frozenset(shared.finished(there)), reached, bool(held and held.alive))
