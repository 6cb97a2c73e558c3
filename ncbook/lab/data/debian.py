"""The route through Debian's package manager; needs no root, and installs nothing."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ncbook.lab.data.clients import run_client
from ncbook.lab.data.dataset import Arrays
from ncbook.lab.data.failures import SourceFailure
from ncbook.lab.data.progress import waiting

_SECONDS = 900
# apt's own time limit covers connecting and a stalled transfer.
_QUICK = (
    "-o",
    "Acquire::http::Timeout=5",
    "-o",
    "Acquire::https::Timeout=5",
    "-o",
    "Acquire::Retries=0",
)


@dataclass(frozen=True)
class DebianPackage:
    """A package of Debian and Ubuntu that holds the data.

    apt checks its signature, and the caller what is decoded from it.

    Attributes:
        package: its name.
        folder: where in it the files lie.
        decode: reads that folder.
    """

    package: str
    folder: str
    decode: Callable[[Path], Arrays]

    @property
    def label(self) -> str:
        """What the source is called in messages."""
        return f"Debian package {self.package}"

    def fetch(self, folder: Path, patient: bool) -> Arrays:
        """Download into ``folder``, unpack and decode; ``patient`` makes no difference here."""
        apt, dpkg = shutil.which("apt-get"), shutil.which("dpkg-deb")
        if apt is None or dpkg is None:
            raise SourceFailure("apt-get is not installed", reached=False)
        with waiting(self.label):
            run_client([apt, "download", self.package, *_QUICK], folder, _SECONDS, reached=False)
            archive = next(folder.glob("*.deb"), None)
            if archive is None:
                raise SourceFailure("apt-get left no package")
            run_client([dpkg, "--extract", str(archive), str(folder)], folder, _SECONDS)
        return self.decode(folder / self.folder)
