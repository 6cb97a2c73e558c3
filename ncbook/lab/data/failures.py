"""Why one source of a data set did not serve."""


class SourceFailure(Exception):
    """One source did not give the data; the next one is tried.

    Args:
        reason: what happened, in words.
        reached: whether the source answered at all. Nothing reached means no network; a source that
            answers with the wrong bytes is a fault worth stopping for.
        slow: whether it was left only for being slow, and may be asked again after the others.
    """

    def __init__(self, reason: str, *, reached: bool = True, slow: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.reached = reached
        self.slow = slow
