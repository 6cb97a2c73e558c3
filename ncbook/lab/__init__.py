"""Experiments: data, networks, training, and the store of runs."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ncbook.lab.config import RunConfig
    from ncbook.lab.data import load_dataset
    from ncbook.lab.profiles import profile
    from ncbook.lab.runs import Run
    from ncbook.lab.training import train

__all__ = ["Run", "RunConfig", "load_dataset", "profile", "train"]

_HOME = {
    "Run": "runs",
    "RunConfig": "config",
    "load_dataset": "data",
    "profile": "profiles",
    "train": "training",
}


def __getattr__(name: str) -> Any:
    # Torch takes seconds to import; a command that only lists or cleans must not wait for it.
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
