"""A process that trains the configurations it reads from standard input, and tells how it goes.

``python -m ncbook.lab.worker`` takes one line of JSON (``device``, ``data_dir``, ``configs``) and
answers with one line for each epoch. It ends when its standard input closes, so that killing the
parent never leaves it training alone.
"""

import json
import os
import sys
import threading
from typing import Any

from ncbook.errors import NcbookError
from ncbook.lab.config import RunConfig
from ncbook.lab.training import train


def main() -> int:
    """Serve one order; returns the exit code."""
    order = json.loads(sys.stdin.readline())
    threading.Thread(target=_die_with_parent, daemon=True).start()
    try:
        for values in order["configs"]:
            config = RunConfig.from_dict(values)
            train(config, order["device"], order["data_dir"], _reporter(config))
    except NcbookError as error:
        _say(cause=error.cause, cure=error.cure, exit_code=error.exit_code)
        return error.exit_code
    return 0


def _reporter(config: RunConfig) -> Any:
    def report(epoch: int, loss: float, nc1: float) -> None:
        _say(label=config.label, epoch=epoch, loss=loss, nc1=nc1)

    return report


def _say(**facts: Any) -> None:
    print(json.dumps(facts), flush=True)


def _die_with_parent() -> None:
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
