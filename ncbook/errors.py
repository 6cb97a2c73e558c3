"""The one kind of error that lab, press and command line show to a reader."""


class NcbookError(Exception):
    """Something a reader can act on: what went wrong, and what mends it.

    Args:
        cause: one sentence, without a final stop, naming the thing that failed.
        cure: one sentence, without a final stop, naming what to do about it.
        exit_code: what the command line exits with: 1 the work failed, 2 it was asked for wrongly.
    """

    def __init__(self, cause: str, cure: str, exit_code: int = 1) -> None:
        super().__init__(cause, cure, exit_code)
        self.cause = cause
        self.cure = cure
        self.exit_code = exit_code

    def __str__(self) -> str:
        return f"{self.cause}. {self.cure}."

    @property
    def lines(self) -> str:
        """The two lines that a program ends with."""
        return f"Error: {self.cause}.\nCure:  {self.cure}."
