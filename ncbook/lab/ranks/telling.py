"""An error that all ranks come to know of, said once."""

import os
import sys
from datetime import timedelta

from torch.distributed import TCPStore  # type: ignore[attr-defined]

from ncbook.errors import NcbookError

_PATIENCE = timedelta(seconds=3)


def tell(error: NcbookError) -> None:
    """Print an error's lines to standard error, unless another rank has printed one before."""
    if _is_first():
        # The bar of a rank that was killed has left the cursor at its end.
        print(f"\n{error.lines}", file=sys.__stderr__, flush=True)


def _is_first() -> bool:
    """Ask the store of ``torchrun`` itself, which outlives every rank; without it, speak up."""
    attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    try:
        address, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
        store = TCPStore(address, port, is_master=False, timeout=_PATIENCE)
        return bool(store.add(f"ncbook/told/{attempt}", 1) == 1)
    except (KeyError, RuntimeError):  # no torchrun, or it is gone
        return True
