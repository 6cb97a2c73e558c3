"""What the launcher says in the environment, read without torch: the command line asks it first."""

import os


def many() -> bool:
    """Whether this process was started, by ``torchrun`` or the like, as one rank of several."""
    return "LOCAL_RANK" in os.environ and size() > 1


def rank() -> int:
    """This process, counted from 0 over all machines."""
    return int(os.environ.get("RANK", "0"))


def local_rank() -> int:
    """This process, counted from 0 on its own machine."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def size() -> int:
    """The number of processes on all machines."""
    return int(os.environ.get("WORLD_SIZE", "1"))
