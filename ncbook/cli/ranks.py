"""The command line as one of several ranks that ``torchrun`` has started: one of them speaks."""

import os
import sys
from pathlib import Path
from typing import NoReturn

from ncbook.errors import NcbookError
from ncbook.lab.ranks import launch


def quiet_but_first() -> None:
    """Have all ranks but the first print nothing."""
    if launch.many() and launch.rank():
        nowhere = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 — open to the end
        sys.stdout = sys.stderr = nowhere


def stop_with_the_others(error: NcbookError) -> NoReturn:
    """Say why, unless another rank has done so, and end this process at once."""
    from ncbook.lab.ranks.telling import tell

    tell(error)
    # An orderly exit would wait for messages to ranks that may be gone.
    os._exit(error.exit_code)
