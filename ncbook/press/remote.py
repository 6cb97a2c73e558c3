"""Chapters as tasks of a Dask cluster: the sources go out, the executed copy comes back."""

import io
import os
import platform
import shutil
import threading
import time
import uuid
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import nbformat

from ncbook.errors import NcbookError
from ncbook.lab import shared
from ncbook.lab.cluster import connected
from ncbook.lab.cluster.failure import describe
from ncbook.lab.cluster.needs import needs
from ncbook.lab.cluster.survey import Facts, ask, survey
from ncbook.lab.cluster.work import Teller, use_store
from ncbook.press import notebooks, stamps
from ncbook.press.book import Book
from ncbook.press.chapter import Job
from ncbook.press.execute import TICK, execute
from ncbook.press.kernel import CellError, Execution
from ncbook.press.progress import Record
from ncbook.press.stamps import Stamp

if TYPE_CHECKING:
    from dask.distributed import Client, Future

COPY, ARTIFACTS = "copy.ipynb", "artifacts"
MEMORY = 2e9  # bytes, of a chapter with its runs
NOTHING = b""


@dataclass(frozen=True)
class Order:
    """What a worker is sent.

    Attributes:
        job: the chapter; its book is replaced by the one in `sources`, its threads by a share of
            the worker's machine.
        sources: the book's, a zip file's bytes.
        workers: how many there are on each machine, by its name.
        store: URL of the shared run store, or None.
        topic: of the events that tell which cell is running.
    """

    job: Job
    sources: bytes
    workers: Mapping[str, int]
    store: str | None
    topic: str


@dataclass(frozen=True)
class Result:
    """What a worker sends back.

    Attributes:
        made: the executed copy and what the chapter left, a zip file's bytes.
        failed: if a cell failed, the notebook as far as it got, as JSON.
        cell: that cell's number, source and error.
    """

    made: bytes = NOTHING
    failed: str = ""
    cell: tuple[int, str, str] | None = None


def execute_on_cluster(
    book: Book,
    profile: str,
    chapters: list[str] | None,
    address: str,
    workers: int | None = None,
    seed: int = 0,
    device: str = "auto",
    data_dir: str | Path | None = None,
    force: bool = False,
) -> list[Record]:
    """As `ncbook.press.execute.execute`, each chapter on a worker of a Dask cluster.

    Args:
        book, profile, chapters, seed, device, data_dir, force: as there; the data folder is looked
            for on the workers.
        address: of a scheduler; ``local`` starts a cluster on this machine.
        workers: of a local cluster.

    Raises:
        NcbookError: also if the cluster can't be reached, or its workers have other versions, or
            another state of this package's code, or lack what chapters need (exit code 2).
    """
    folder = None if data_dir is None else Path(data_dir).absolute()
    with connected(address, workers) as client:
        found = survey(client)
        _require_same_code(client)
        hands = _Hands(client, book, device, found)
        count = len(found)
        return execute(book, profile, chapters, count, seed, device, folder, force, hands.run)


def execute_one(order: Order) -> Result:
    """Execute a chapter in a copy of the book; runs on a worker."""
    use_store(order.store)
    with TemporaryDirectory(prefix="ncbook-") as root:
        _unpack(order.sources, Path(root))
        threads = max(1, (os.cpu_count() or 1) // order.workers.get(platform.node(), 1))
        job = replace(order.job, book=Book(Path(root)), threads=threads)
        execution = Execution(notebooks.load_source(job.book.notebook(job.chapter)))
        with _watched(execution, Teller(order.topic)):
            try:
                job.run(execution)
            except CellError as error:
                text: str = nbformat.writes(execution.notebook)  # type: ignore[no-untyped-call]
                return Result(failed=text, cell=(error.number, error.source, error.error))
        left = job.book.artifacts(job.profile, job.chapter)
        return Result(made=_pack({COPY: job.path, ARTIFACTS: left}))


class _Hands:
    """Executes chapters by sending them out."""

    def __init__(
        self, client: "Client", book: Book, device: str, workers: Mapping[str, Facts]
    ) -> None:
        offers = [facts.resources for facts in workers.values()]
        self.client = client
        self.resources = needs("A chapter", MEMORY, device, offers)
        self.workers = Counter(facts.host for facts in workers.values())
        names = ("_config.yml", "_toc.yml", book.source.name)
        self.sources = _pack({name: book.root / name for name in names})
        self.topic = f"ncbook-{uuid.uuid4().hex}"
        self.running: dict[str, Execution] = {}
        client.subscribe_topic(self.topic, self._hear)

    def run(self, job: Job, execution: Execution) -> Stamp:
        """Have a chapter executed, and put the result in place.

        Raises:
            CellError: if a cell fails, or the chapter's workers die.
        """
        store = os.environ.get(shared.VARIABLE)
        order = Order(job, self.sources, dict(self.workers), store, self.topic)
        key = f"chapter-{job.chapter}-{uuid.uuid4().hex}"
        self.running[key] = execution
        future = self.client.submit(execute_one, order, key=key, resources=self.resources)
        try:
            result = _waited(future, execution)
        finally:
            del self.running[key]
            future.release()
        if result.cell:
            execution.notebook = nbformat.reads(result.failed, 4)  # type: ignore[no-untyped-call]
            raise CellError(*result.cell)
        return _put(job, result.made)

    def _hear(self, event: tuple[float, dict[str, Any]]) -> None:
        _, said = event
        if said["key"] in self.running:
            self.running[said["key"]].code_cell = said["cell"]


def _waited(future: "Future[Result]", execution: Execution) -> Result:
    while not future.done():
        if execution.stopped:
            future.cancel()
            raise CellError(execution.code_cell, "", "stopped")
        time.sleep(TICK)
    if future.status == "finished":
        return future.result()
    if future.status == "error":
        what, _ = describe(future.exception())
    else:
        what = "The cluster was lost in mid-work"
    raise CellError(execution.code_cell, _source(execution), what)


def _source(execution: Execution) -> str:
    """Of the cell that a worker told of last."""
    code = [cell.source for cell in execution.notebook.cells if cell.cell_type == "code"]
    return code[execution.code_cell - 1] if execution.code_cell else ""


def _put(job: Job, made: bytes) -> Stamp:
    """Put an executed chapter in place, once it is seen to be whole."""
    work = job.workspace()
    with TemporaryDirectory(dir=work.parent) as folder:
        try:
            _unpack(made, Path(folder))
            notebook, stamp = stamps.read(Path(folder, COPY))
            shutil.copytree(Path(folder, ARTIFACTS), work, dirs_exist_ok=True)
            job.publish(work, notebook, stamp)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return stamp


@contextmanager
def _watched(execution: Execution, teller: Teller) -> Iterator[None]:
    """Measures a kernel's memory, tells of its cells, and ends it when nobody wants it any more."""
    done = threading.Event()

    def look() -> None:
        while not done.wait(TICK):
            execution.look()
            teller.tell(cell=execution.code_cell)
            if teller.withdrawn():
                execution.stop()

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _require_same_code(client: "Client") -> None:
    """Refuse workers whose stamps would be stale here: a stamp holds hashes of our modules."""
    ours = stamps.hash_modules()
    for address, theirs in ask(client, stamps.hash_modules).items():
        other = sorted(name for name in ours | theirs if ours.get(name) != theirs.get(name))
        if other:
            raise NcbookError(
                f"Versions are mixed: worker {address} has another ncbook/{other[0]}",
                "Bring all machines to the same commit",
                2,
            )


def _pack(parts: Mapping[str, Path]) -> bytes:
    """Files and folders, each under a name of its own, as a zip file's bytes."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in parts.items():
            files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
            for file in files:
                archive.write(file, Path(name) / file.relative_to(path))
    return packed.getvalue()


def _unpack(packed: bytes, folder: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        archive.extractall(folder)
