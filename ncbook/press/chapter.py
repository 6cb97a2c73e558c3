"""Executing one chapter: its workspace, its stamp, and its move into place."""

import json
import os
import platform
import shutil
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

import ncbook
from ncbook.lab import store
from ncbook.press import artifacts, notebooks, stamps
from ncbook.press.book import Book
from ncbook.press.claimfile import LOCATION
from ncbook.press.kernel import Execution, run_notebook
from ncbook.press.stamps import Stamp


@dataclass(frozen=True)
class Job:
    """One chapter to execute, and how.

    Attributes:
        book, chapter, profile, seed, device: what `execute` was asked for.
        data_dir: a folder that holds the data sets, or None.
        threads: for the kernel's linear algebra; None leaves that to the libraries.
    """

    book: Book
    chapter: str
    profile: str
    seed: int
    device: str
    data_dir: str | Path | None
    threads: int | None

    @property
    def path(self) -> Path:
        """Where the executed copy goes."""
        return self.book.copy(self.profile, self.chapter)

    @property
    def failed(self) -> Path:
        """Where a copy goes that failed."""
        return self.book.made / "failed" / f"{self.chapter}.failed.ipynb"

    @property
    def parameters(self) -> dict[str, Any]:
        """What is injected. The data folder goes by the environment, to keep paths off the page."""
        return {"profile": self.profile, "seed": self.seed, "device": self.device}

    def why(self) -> str | None:
        """Why the chapter must be executed, or None; a damaged copy is set aside."""
        try:
            reason = stamps.find_staleness(self.book, self.chapter, self.profile)
            if reason:
                return reason
            _, stamp = stamps.read(self.path)
        except stamps.DamagedError as error:
            aside = store.set_aside(self.path, str(error))
            return f"the copy was damaged and set aside as {aside.name}"
        if stamp.parameters != self.parameters:
            return "the copy has another seed or device"
        if stamp.fallback:
            return f"the copy was made on {stamp.fallback}, trying for the real data"
        return None

    def run(self, execution: Execution) -> Stamp:
        """Execute the chapter and put the result in place: all of it, or on failure none.

        Raises:
            CellError: if a cell fails.
            OSError: if the disk is full or can't be written to.
        """
        work = self.workspace()
        try:
            return self._run_in(work, execution)
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def keep_failed(self, notebook: NotebookNode) -> Path:
        """Write a notebook as far as it got to where its author can look at it."""
        self.failed.parent.mkdir(parents=True, exist_ok=True)
        notebooks.save(notebook, self.failed)
        return self.failed

    def workspace(self) -> Path:
        """An empty folder for what the chapter leaves, to be removed unless it is published."""
        work = self.path.parent / "work" / self.chapter
        shutil.rmtree(work, ignore_errors=True)  # what a killed process left
        work.mkdir(parents=True)
        self._log.parent.mkdir(parents=True, exist_ok=True)
        return work

    @property
    def _log(self) -> Path:
        return self.book.made / "logs" / f"{self.chapter}.log"

    def _run_in(self, work: Path, execution: Execution) -> Stamp:
        # Hashed before the kernel starts: what is edited meanwhile must make the copy stale.
        before = stamps.hash_modules()
        source = stamps.hash_source(self.book.notebook(self.chapter))
        claims = stamps.hash_claims(self.book, self.chapter)
        start = time.perf_counter()
        notebook = run_notebook(
            execution, self.parameters, self._environment(work), self.book.source, self._log
        )
        spent = time.perf_counter() - start
        left = json.loads((work / artifacts.KERNEL).read_text(encoding="utf-8"))
        trained = {run["id"] for run in left["runs"] if run["trained"]}
        used = {run["id"] for run in left["runs"]}
        stamp = Stamp(
            source=source,
            claims=claims,
            modules={name: before[name] for name in left["modules"]},
            artifacts=stamps.hash_folder(work),
            content=stamps.hash_content(notebook),
            parameters=self.parameters,
            device=left["device"],
            data=left["data"],
            versions=_versions() | left["versions"],
            date=datetime.now(UTC).isoformat(timespec="seconds"),
            seconds=round(spent, 1),
            peak_memory=execution.peak_memory,
            trained=len(trained),
            loaded=len(used - trained),
        )
        self.publish(work, notebook, stamp)
        return stamp

    def _environment(self, work: Path) -> dict[str, str]:
        values = {
            artifacts.FOLDER: str(work),
            artifacts.CHAPTER: self.chapter,
            artifacts.PROFILE: self.profile,
            LOCATION: str(self.book.claims_file),
            "PYTHONPATH": os.pathsep.join(_import_path()),
            "PYTHONHASHSEED": "0",  # or sets would print in another order each time
        }
        if self.data_dir is not None:
            values["NCBOOK_DATA"] = str(Path(self.data_dir).absolute())
        if self.threads is not None:
            values["OMP_NUM_THREADS"] = str(self.threads)
        return values

    def publish(self, work: Path, notebook: NotebookNode, stamp: Stamp) -> None:
        """Put an executed chapter in place: its notebook, and what it left in ``work``."""
        # The notebook comes last: with artifacts that aren't its own, its stamp makes it stale.
        stamps.put(notebook, stamp)
        final = self.book.artifacts(self.profile, self.chapter)
        final.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(final, ignore_errors=True)
        work.replace(final)
        notebooks.save(notebook, self.path)
        self.failed.unlink(missing_ok=True)


def _import_path() -> list[str]:
    """Where a kernel finds this very package first, installed or not."""
    package = Path(ncbook.__file__).parents[1]
    given = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    return given if package.name == "site-packages" else [str(package), *given]


def _versions() -> dict[str, str]:
    return {"ncbook": ncbook.__version__, "Python": platform.python_version()}
