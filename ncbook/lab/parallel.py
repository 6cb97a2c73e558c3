"""Several runs side by side: one worker process a core, each training on one thread."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from tqdm import tqdm

from ncbook.errors import NcbookError
from ncbook.lab.config import RunConfig
from ncbook.lab.data import class_counts, load_dataset
from ncbook.lab.device import pick_device
from ncbook.lab.ranks import launch
from ncbook.lab.runs import Run, load_run
from ncbook.lab.training import note, obtain

Worker = subprocess.Popen[str]


def train_all(
    configs: Sequence[RunConfig], device: str = "auto", data_dir: str | Path | None = None
) -> list[Run]:
    """Train or load each configuration, in the order given; arguments and errors as for `train`.

    On a CPU, runs that the store lacks are trained at the same time, as many as there are cores;
    on several ranks one after the other, each by all of them.
    """
    missing = [c for c in dict.fromkeys(configs) if load_run(_id(c, data_dir)) is None]
    count = min(len(missing), cores())
    if count > 1 and not launch.many() and pick_device(device).type == "cpu":
        _train_side_by_side(missing, count, device, data_dir)
    runs = [obtain(config, device, data_dir)[0] for config in configs]
    for config, run in zip(configs, runs, strict=True):
        note(run, trained=config in missing)
    return runs


def cores() -> int:
    """The cores that this process may use."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return int(asked) if asked.isdigit() and int(asked) else os.cpu_count() or 1


def _id(config: RunConfig, data_dir: str | Path | None) -> str:
    return config.run_id(load_dataset(config.dataset, data_dir).digest)


def _train_side_by_side(
    configs: list[RunConfig], count: int, device: str, data_dir: str | Path | None
) -> None:
    said: SimpleQueue[dict[str, Any] | None] = SimpleQueue()
    with ExitStack() as stack:
        for share in _shares(configs, count):
            worker = stack.enter_context(_start(share, device, data_dir))
            stack.callback(worker.kill)  # before the context waits for it: an error stops them all
            threading.Thread(target=_listen, args=(worker, said), daemon=True).start()
        total = sum(config.epochs for config in configs)
        _follow(said, count, tqdm(total=total, unit="epoch", file=sys.stderr, leave=False))


def _shares(configs: list[RunConfig], count: int) -> list[list[RunConfig]]:
    """Longest first, each to whoever has least to do: all workers end at about the same time."""
    shares: list[list[RunConfig]] = [[] for _ in range(count)]
    for config in sorted(configs, key=_cost, reverse=True):
        min(shares, key=lambda share: sum(map(_cost, share))).append(config)
    return shares


def _cost(config: RunConfig) -> float:
    angles = config.subset.orientations
    images = angles * sum(class_counts(config.subset, config.model.num_classes // angles))
    return config.epochs * images * (config.model.width or 16)


def _start(configs: list[RunConfig], device: str, data_dir: str | Path | None) -> Worker:
    worker = subprocess.Popen(
        [sys.executable, "-m", "ncbook.lab.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    order = {"configs": [c.to_dict() for c in configs], "device": device}
    assert worker.stdin is not None
    worker.stdin.write(json.dumps(order | {"data_dir": data_dir and str(data_dir)}) + "\n")
    worker.stdin.flush()
    return worker


def _listen(worker: Worker, said: "SimpleQueue[dict[str, Any] | None]") -> None:
    for line in worker.stdout or ():
        said.put(json.loads(line))
    if worker.wait() and worker.returncode not in (1, 2):
        said.put({"cause": f"A training process ended with code {worker.returncode}"})
    said.put(None)


def _follow(said: "SimpleQueue[dict[str, Any] | None]", count: int, bar: "tqdm[Any]") -> None:
    with bar:
        while count:
            words = said.get()
            if words is None:
                count -= 1
            elif "cause" in words:
                cure = words.get("cure", "Run again: it goes on from the last checkpoint")
                raise NcbookError(words["cause"], cure, words.get("exit_code", 1))
            else:
                bar.set_description(words["label"], refresh=False)
                bar.set_postfix(
                    loss=f"{words['loss']:.3f}", nc1=f"{words['nc1']:.2g}", refresh=False
                )
                bar.update()
