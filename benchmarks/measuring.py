"""What the benchmarks share: timing in alternation, peak memory in fresh processes, the table."""

import argparse
import json
import multiprocessing
import platform
import statistics
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import psutil
import torch
from rich.console import Console
from rich.table import Table

Work = Callable[[], object]
Figures = dict[str, dict[str, float]]  # quantity -> name -> value, ours first


def median_seconds(works: dict[str, Work], rounds: int) -> dict[str, float]:
    """Median wall time of each, run in turn so that what else the machine does hits all alike."""
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for work in works.values():
        work()  # the first call pays for thread pools and code that is loaded late
    for _ in range(rounds):
        for name, work in works.items():
            start = time.perf_counter()
            work()
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def extra_mib(prepare: Callable[[str], Work], name: str) -> float:
    """Peak resident memory of ``prepare(name)()`` beyond what was resident before the call.

    In a fresh process, so that nothing freed earlier is reused; sampled every 0.5 ms by a thread
    (torch releases the interpreter's lock inside its operations).

    Args:
        prepare: a function of a module, which builds the input and warms up on a small part of it.
        name: what to prepare.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(_extra_bytes, prepare, name).result() / 2**20


def _extra_bytes(prepare: Callable[[str], Work], name: str) -> int:
    work, process, done = prepare(name), psutil.Process(), threading.Event()
    before = process.memory_info().rss
    peak = before

    def sample() -> None:
        nonlocal peak
        while not done.wait(0.0005):
            peak = max(peak, process.memory_info().rss)

    sampler = threading.Thread(target=sample)
    sampler.start()
    work()
    done.set()
    sampler.join()
    return max(peak, process.memory_info().rss) - before


def report(title: str, figures: dict[str, Figures]) -> None:
    """Print one table: a row for each size and quantity, ours, the peer's, and their ratio."""
    names = [name for measured in figures.values() for name in next(iter(measured.values()))]
    table = Table("", title=title, caption=machine())
    for name in (*dict.fromkeys(names), "ratio"):
        table.add_column(name, justify="right")
    for size, measured in figures.items():
        for quantity, values in measured.items():
            ours, peer = values.values()
            table.add_row(f"{size}, {quantity}", f"{ours:.3g}", f"{peer:.3g}", f"{peer / ours:.1f}")
    Console().print(table)


def machine() -> str:
    """Where the figures were measured."""
    return (
        f"{platform.system()}, {torch.get_num_threads()} threads, torch {torch.__version__}, "
        f"Python {platform.python_version()}"
    )


def json_path(description: str | None, arguments: list[str] | None) -> Path | None:
    """Parse the one option that the benchmarks have, where to write the figures."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the figures there too")
    path: Path | None = parser.parse_args(arguments).json
    return path


def save(figures: dict[str, Figures], path: Path | None) -> None:
    """Write the figures with the machine they were measured on, if a path was given."""
    if path is not None:
        path.write_text(
            json.dumps({"machine": machine(), "figures": figures}, indent=2), encoding="utf-8"
        )
