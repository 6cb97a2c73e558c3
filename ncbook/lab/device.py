"""Choosing a device and setting it up so that a run can be repeated bit for bit."""

import platform

import torch

from ncbook.errors import NcbookError

DEVICES = ("auto", "cpu", "cuda", "mps")


def pick_device(name: str = "auto") -> torch.device:
    """The torch device that ``name`` stands for; ``auto`` takes CUDA, then MPS, then the CPU.

    Raises:
        NcbookError: if the name is unknown or torch can't reach that device here.
    """
    if name not in DEVICES:
        raise NcbookError(f"Unknown device {name!r}", f"Use one of {', '.join(DEVICES)}", 2)
    reachable = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        name = next((kind for kind, there in reachable.items() if there), "cpu")
    if not reachable.get(name, True):
        raise NcbookError(f"Torch finds no {name} device here", "Use device 'auto' or 'cpu'", 2)
    return torch.device(name)


def prepare(device: torch.device) -> None:
    """Set torch up for repeatable training on ``device``."""
    # After collapse many activations are denormal; a CPU handles those in slow microcode.
    torch.set_flush_denormal(True)
    if device.type == "cuda":
        # Benchmarking picks kernels by a race, so two runs of one seed could differ.
        torch.backends.cudnn.benchmark = False
        torch.backends.cudnn.deterministic = True


def describe(device: torch.device) -> str:
    """A name a reader knows, for provenance: the GPU's model, or the CPU's kind and threads."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    kind = "Apple GPU" if device.type == "mps" else "CPU"
    threads = torch.get_num_threads()
    return f"{kind} {platform.machine()}, {threads} thread{'s' if threads > 1 else ''}"
