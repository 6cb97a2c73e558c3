"""One notebook through papermill, in a kernel of the Python that is running now."""

import os
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import papermill
import psutil
from ipykernel.kernelspec import get_kernel_dict
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, NotebookExecutionManager, papermill_engines
from papermill.exceptions import PapermillExecutionError

from ncbook.press.notebooks import tags

ENGINE, INJECTED, HIDDEN = "ncbook", "injected-parameters", "remove-cell"
LEAVE = "from ncbook.press.artifacts import leave\nleave()"


@dataclass
class Execution:
    """A notebook on its way through a kernel, kept up to date for whoever watches.

    Attributes:
        notebook: as it is at the moment, outputs included.
        code_cell: the number of the code cell that is running, among `code_cells`, from 1.
        source: its code.
        stopped: whether it was ended from outside.
        peak_memory: the most bytes that its kernel and the kernel's children were seen to hold.
    """

    notebook: NotebookNode
    code_cell: int = field(default=0, init=False)
    source: str = field(default="", init=False)
    peak_memory: int = field(default=0, init=False)
    stopped: bool = field(default=False, init=False)
    _kernel: psutil.Process | None = field(default=None, init=False)

    @property
    def code_cells(self) -> int:
        """How many code cells there are, without those that execution adds."""
        return sum(map(_written, self.notebook.cells))

    def enter(self, cell: NotebookNode, pid: int) -> None:
        """A cell is about to run in the kernel with that process id."""
        if self.stopped:
            raise DeadKernelError("stopped")
        self.source = cell.source
        self.code_cell += _written(cell)
        self._kernel = self._kernel or psutil.Process(pid)

    def leave(self) -> None:
        """The kernel has ended."""
        self._kernel = None

    def look(self) -> None:
        """Note how much memory the kernel holds now; to be called a few times a second."""
        with suppress(psutil.Error):  # it may end at any moment
            self.peak_memory = max(self.peak_memory, _held(self._processes()))

    def stop(self) -> None:
        """End the kernel and all its children at once."""
        self.stopped = True
        with suppress(psutil.Error):
            for process in self._processes():
                process.kill()

    def _processes(self) -> list[psutil.Process]:
        kernel = self._kernel
        return [kernel, *kernel.children(recursive=True)] if kernel else []


def _held(processes: list[psutil.Process]) -> int:
    """Bytes resident for all processes together; mapped files, such as torch's, count once."""
    infos = [process.memory_info() for process in processes]
    shared = [getattr(info, "shared", 0) for info in infos]  # only Linux tells, 0 elsewhere
    held: int = sum(info.rss for info in infos) - sum(shared) + max(shared, default=0)
    return held


def _written(cell: NotebookNode) -> bool:
    return cell.cell_type == "code" and INJECTED not in tags(cell) and cell.source != LEAVE


class CellError(Exception):
    """The cell that stopped a notebook.

    Attributes:
        number: its place among the code cells, from 1.
        source: its code.
        error: name and message of what it raised.
    """

    def __init__(self, number: int, source: str, error: str) -> None:
        super().__init__(f"code cell {number}: {error}")
        self.number = number
        self.source = source
        self.error = error


class _Kernel(AsyncKernelManager):
    """A kernel of this very Python: an installed kernelspec may belong to another one."""

    @property
    def kernel_spec(self) -> KernelSpec:
        return KernelSpec(**get_kernel_dict())


class _Client(PapermillNotebookClient):  # type: ignore[misc]
    """Papermill's client, telling an `Execution` where it is."""

    execution: Execution

    def execute_cell(self, cell: NotebookNode, cell_index: int, **options: Any) -> NotebookNode:
        self.execution.enter(cell, self.km.provisioner.pid)
        executed: NotebookNode = super().execute_cell(cell, cell_index, **options)
        return executed


class _Engine(NBClientEngine):  # type: ignore[misc]
    """Papermill's way through a notebook, with a kernel of ours."""

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: NotebookExecutionManager,
        kernel_name: str,
        *,
        execution: Execution,
        start: dict[str, Any],
        **_: Any,
    ) -> NotebookNode:
        execution.notebook = nb_man.nb
        client = _Client(nb_man, kernel_manager_class=_Kernel, kernel_name=kernel_name)
        client.execution = execution
        executed: NotebookNode = client.execute(**start)
        return executed


papermill_engines.register(ENGINE, _Engine)


def run_notebook(
    execution: Execution,
    parameters: dict[str, Any],
    environment: dict[str, str],
    folder: Path,
    log: Path,
) -> NotebookNode:
    """Execute a notebook, and take out of it whatever belongs to this machine or moment.

    Args:
        execution: holds the notebook.
        parameters: injected below the cell tagged ``parameters``, in a hidden cell.
        environment: of the kernel, besides this process's own.
        folder: the kernel's working directory.
        log: takes what the kernel writes outside of cells.

    Raises:
        CellError: if a cell fails or the kernel dies; ``execution.notebook`` shows how far it got.
    """
    execution.notebook.cells.append(new_code_cell(LEAVE))  # type: ignore[no-untyped-call]
    with log.open("w", encoding="utf-8") as stream:
        try:
            notebook = papermill.execute_notebook(
                execution.notebook,
                None,
                parameters=parameters,
                engine_name=ENGINE,
                kernel_name="python3",
                language="python",
                progress_bar=False,
                execution=execution,
                start={"env": os.environ | environment, "cwd": str(folder), "stderr": stream},
            )
        except PapermillExecutionError as error:
            raise CellError(
                execution.code_cell, error.source, f"{error.ename}: {error.evalue}"
            ) from error
        except DeadKernelError as error:
            raise CellError(
                execution.code_cell,
                execution.source,
                "the kernel died, perhaps for want of memory",
            ) from error
        finally:
            execution.leave()
    notebook.cells.pop()
    return _tidy(notebook)


def _tidy(notebook: NotebookNode) -> NotebookNode:
    """Hide the injected cell, drop stderr, and drop papermill's paths and times."""
    notebook.metadata.pop("papermill", None)
    for number, cell in enumerate(notebook.cells):
        for noise in ("papermill", "execution"):
            cell.metadata.pop(noise, None)
        if INJECTED in tags(cell):
            cell.metadata["tags"] = [INJECTED, HIDDEN]
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
        # Papermill and old notebooks leave ids to chance, and each execution would differ.
        cell["id"] = uuid.uuid5(uuid.NAMESPACE_OID, f"{number} {cell.source}").hex[:8]
    return notebook
