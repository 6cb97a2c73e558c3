"""One client at a time works on a run store: a file there says who, and that it is still alive."""

import getpass
import json
import logging
import os
import platform
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

import psutil

from ncbook.errors import NcbookError
from ncbook.lab.paths import runs_dir
from ncbook.lab.shared import SharedStore, open_store

NAME = "lease.json"
# Seconds: between two signs of life; without one until the lease is anyone's; and for a second
# client that came at the same moment to show itself.
BEAT, STALE, SETTLE = 20.0, 180.0, 0.5
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Lease:
    """Who works on a store.

    Attributes:
        token: of this one lease, by chance.
        owner, host, pid: whose process it is.
        begun, beat: when it was taken, and the last sign of life, in seconds since 1970.
    """

    token: str
    owner: str
    host: str
    pid: int
    begun: float
    beat: float

    @property
    def alive(self) -> bool:
        """Whether its owner is at work, as far as can be told from here."""
        if self.host == platform.node() and not psutil.pid_exists(self.pid):
            return False
        return time.time() - self.beat < STALE


def store_in_use() -> SharedStore:
    """The shared store, or the cache's if there is none."""
    there = open_store() or open_store(str(runs_dir()))
    assert there is not None, "the cache is always there"
    return there


@contextmanager
def held(there: SharedStore, lost: Callable[[str], None]) -> Iterator[Lease]:
    """Hold the lease of a store until the end of the block.

    Args:
        there: the store.
        lost: called with a sentence, from another thread, if someone takes the lease away.

    Raises:
        NcbookError: if someone else is at work there, naming who and since when.
    """
    lease = _take(there)
    done = threading.Event()
    beating = threading.Thread(target=_beat, args=(there, lease, done, lost), daemon=True)
    beating.start()
    try:
        yield lease
    finally:
        done.set()
        beating.join()
        if _is(read(there), lease.token):
            there.remove(NAME)


def read(there: SharedStore) -> Lease | None:
    """The lease of a store, or None."""
    for _ in range(3):
        content = there.read(NAME)
        if content is None:
            return None
        try:
            return Lease(**json.loads(content))
        except (ValueError, TypeError):
            time.sleep(0.1)  # a shared disk shows files that are being written
    log.warning("The lease in %s is damaged: taken over", there.url)
    return None


def _take(there: SharedStore) -> Lease:
    _require_free(read(there), there)
    now = time.time()
    lease = Lease(uuid.uuid4().hex, getpass.getuser(), platform.node(), os.getpid(), now, now)
    _write(there, lease)
    time.sleep(SETTLE)
    found = read(there)  # of two that came at the same moment, the one that wrote last has it
    if not _is(found, lease.token):
        _require_free(found, there)
    return lease


def _require_free(lease: Lease | None, there: SharedStore) -> None:
    if lease is not None and lease.alive:
        since = datetime.fromtimestamp(lease.begun, UTC).strftime("%Y-%m-%d %H:%M UTC")
        raise NcbookError(
            f"{lease.owner} on {lease.host} (process {lease.pid}) has been at work on the run store"
            f" {there.url} since {since}",
            "Wait until that has ended, or set NCBOOK_STORE to another store",
        )


def _beat(
    there: SharedStore, lease: Lease, done: threading.Event, lost: Callable[[str], None]
) -> None:
    while not done.wait(BEAT):
        try:
            now = read(there)
            if now is not None and now.token != lease.token:
                lost(f"{now.owner} on {now.host} has taken over the run store {there.url}")
                return
            _write(there, replace(lease, beat=time.time()))
        except NcbookError as error:
            log.warning("%s", error)  # perhaps for a moment; runs find out for themselves


def _write(there: SharedStore, lease: Lease) -> None:
    there.write(json.dumps(asdict(lease)).encode(), NAME)


def _is(lease: Lease | None, token: str) -> bool:
    return lease is not None and lease.token == token
