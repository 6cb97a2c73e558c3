"""Executing chapters: in the order of need, each kept whole or not at all."""

import graphlib
import os
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent

from ncbook.errors import NcbookError
from ncbook.press import notebooks, stamps
from ncbook.press.book import Book
from ncbook.press.chapter import Job
from ncbook.press.claimfile import PROFILES
from ncbook.press.kernel import CellError, Execution
from ncbook.press.lock import working
from ncbook.press.progress import Record, Status, Watch, print_records
from ncbook.press.stamps import Stamp

TICK = 0.2  # seconds between two looks at the kernels
SHOWN_LINES = 12  # of a failing cell
Work = Callable[[Job, Execution], Stamp]


class ExecutionError(NcbookError):
    """Some chapters failed; ``records`` says what became of all of them."""

    def __init__(self, records: list[Record]) -> None:
        failed = [record for record in records if record.status == "failed"]
        names = ", ".join(record.chapter for record in failed)
        verb = "chapter" if len(failed) == 1 else "chapters"
        super().__init__(
            f"{len(failed)} {verb} of {len(records)} failed: {names}",
            "Mend the cells named above and run the same command again",
        )
        self.records = records


def execute(
    book: Book,
    profile: str,
    chapters: list[str] | None = None,
    jobs: int = 1,
    seed: int = 0,
    device: str = "auto",
    data_dir: str | Path | None = None,
    force: bool = False,
    work: Work = Job.run,
) -> list[Record]:
    """Execute what isn't current, print a table, and return what became of each chapter.

    A chapter that fails leaves its last good copy in place and the failing one in
    ``_build/failed``; the others are executed all the same.

    Args:
        book: whose chapters.
        profile: ``smoke``, ``laptop``, ``gpu`` or ``paper``.
        chapters: names or beginnings of names; None means all.
        jobs: how many at a time. They share the processor's cores evenly.
        seed: where the chapters count their seeds from.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        data_dir: a folder that holds the data sets.
        force: execute what is current too.
        work: what executes a chapter and puts its result in place, as `Job.run` does here.

    Raises:
        NcbookError: if something is asked for that doesn't exist (exit code 2), or another process
            is at work on the book.
        ExecutionError: if chapters failed, after all the others.
        KeyboardInterrupt: at Ctrl-C, with all kernels ended and nothing half-written.
    """
    _check(profile, jobs)
    names = book.find(chapters)
    order = _order(book, names)
    threads = max(1, (os.cpu_count() or 1) // jobs) if jobs > 1 else None
    due = {n: Job(book, n, profile, seed, device, data_dir, threads) for n in names}
    with working(book), Watch() as watch:
        records = _Crew(due, force, watch, work).run_all(order, jobs)
    print_records(records)
    if any(record.status == "failed" for record in records):
        raise ExecutionError(records)
    return records


def _check(profile: str, jobs: int) -> None:
    if profile not in PROFILES:
        raise NcbookError(f"Unknown profile {profile!r}", f"Use one of {', '.join(PROFILES)}", 2)
    if jobs < 1:
        raise NcbookError(f"{jobs} jobs can't be run", "Use 1 or more", 2)


def _order(book: Book, names: list[str]) -> graphlib.TopologicalSorter[str]:
    """Chapters after those whose runs they share, if those are asked for too."""
    sorter: graphlib.TopologicalSorter[str] = graphlib.TopologicalSorter()
    for name in names:
        sorter.add(name, *(need for need in _needs(book, name) if need in names))
    try:
        sorter.prepare()
    except graphlib.CycleError as error:
        circle = " needs ".join(reversed(error.args[1]))
        raise NcbookError(f"Chapters need each other: {circle}", "Take one need away", 2) from error
    return sorter


def _needs(book: Book, name: str) -> list[str]:
    path = book.notebook(name)
    needs: list[str] = notebooks.load_source(path).metadata.get("ncbook", {}).get("needs", [])
    unknown = sorted(set(needs) - set(book.chapters))
    if unknown:
        known = ", ".join(book.chapters)
        raise NcbookError(
            f"{path} needs {unknown[0]!r}, no chapter", f"The chapters are {known}", 2
        )
    return needs


@dataclass(frozen=True)
class _Crew:
    """All chapters on their way through a pool of threads, each with a kernel of its own."""

    jobs: dict[str, Job]
    force: bool
    watch: Watch
    work: Work

    def run_all(self, order: graphlib.TopologicalSorter[str], at_once: int) -> list[Record]:
        """Execute the chapters in that order, so many at once."""
        places = list(self.jobs)
        records: dict[str, Record] = {}
        running: dict[Future[Record], str] = {}
        with ThreadPoolExecutor(at_once) as pool:
            try:
                while order.is_active():
                    for name in sorted(order.get_ready(), key=places.index):
                        running[pool.submit(self.run, self.jobs[name])] = name
                    done, _ = wait(running, timeout=TICK, return_when=FIRST_COMPLETED)
                    self.watch.look()
                    for future in done:
                        name = running.pop(future)
                        records[name] = future.result()
                        order.done(name)
            except BaseException:
                # Ctrl-C, or a full disk: without this the pool would wait for hours of training.
                pool.shutdown(wait=False, cancel_futures=True)
                self.watch.stop()
                raise
        return [records[name] for name in places]

    def run(self, job: Job) -> Record:
        """Execute one chapter, if it isn't current."""
        why = job.why() or ("asked for" if self.force else None)
        if why is None:
            _, stamp = stamps.read(job.path)
            return _record(job.chapter, "current", stamp)
        execution = Execution(notebooks.load_source(job.book.notebook(job.chapter)))
        with self.watch.following(job.chapter, execution):
            self.watch.say(f"{job.chapter}: executing ({why})")
            try:
                stamp = self.work(job, execution)
            except CellError as error:
                if not execution.stopped:
                    failed = job.keep_failed(execution.notebook)
                    self.watch.say(_describe(job, error, failed))
                return Record(job.chapter, "failed", note=str(error))
        self.watch.say(f"{job.chapter}: done in {stamp.seconds} s")
        return _record(job.chapter, "executed", stamp, why)


def _record(chapter: str, status: Status, stamp: Stamp, note: str = "") -> Record:
    return Record(
        chapter, status, stamp.seconds, stamp.peak_memory, stamp.trained, stamp.loaded, note
    )


def _describe(job: Job, error: CellError, failed: Path) -> str:
    """What a chapter's author needs to know of a failure."""
    lines = error.source.strip().splitlines()
    shown = lines[:SHOWN_LINES] + (["…"] if len(lines) > SHOWN_LINES else [])
    code, cause = indent("\n".join(shown), "    "), indent(error.error, "  ")
    return (
        f"{job.chapter}: failed in code cell {error.number}:\n{code}\n{cause}\n"
        f"  The notebook as far as it got: {failed}"
    )
