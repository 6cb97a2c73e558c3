"""What became of a run that was one of many."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Outcome:
    """How one of many runs ended: it stops none of the others.

    Attributes:
        name: under which it was asked for.
        finished: whether its run is in the store now.
        run_id: in the store.
        seconds: that its training took, now or earlier.
        cause, cure: of the failure, if it isn't finished.
    """

    name: str
    finished: bool
    run_id: str = ""
    seconds: float = 0.0
    cause: str = ""
    cure: str = ""
