"""The offline edition: a built site as one archive that asks no other host for anything."""

import zipfile
from pathlib import Path

from ncbook.errors import NcbookError
from ncbook.press.outside import find_outside

NAME = "neural-collapse-executed"
SHOWN = 8
# Browsers hold the pages to it, whatever a script may come to do: nothing from anywhere else.
POLICY = (
    '<meta http-equiv="Content-Security-Policy" '
    "content=\"default-src 'self' 'unsafe-inline' data: blob:\">"
)
README = f"""\
Neural Collapse, Executed: the offline edition

Unpack this archive. Then, in the folder that holds {NAME}, run

    python -m http.server --bind 127.0.0.1 --directory {NAME} 8000

and open http://127.0.0.1:8000/ in a browser. Any other server of static files will do. Nothing
asks the network for anything: equations, figures, demos and search are all in this folder.

Opened as files, without a server, the pages can be read, but browsers keep some scripts from
loading what they need.
"""
_DATE = (1980, 1, 1, 0, 0, 0)  # the earliest that the format has: the bytes tell no time


def pack(site: Path, target: Path) -> Path:
    """Put a built site into a zip archive, the same bytes for the same site; returns the archive.

    Args:
        site: its folder.
        target: the archive; what is there is replaced when the new one is whole.

    Raises:
        NcbookError: if a page would ask another host for something.
    """
    outside = find_outside(site)
    if outside:
        rest = [f"and {len(outside) - SHOWN} more"] if len(outside) > SHOWN else []
        raise NcbookError(
            f"Not packed, for pages ask other hosts: {'; '.join(outside[:SHOWN] + rest)}",
            "Serve these from the site, or do without them",
        )
    draft = target.with_name(f"{target.name}.writing")
    with zipfile.ZipFile(draft, "w") as archive:
        _add(archive, "README.txt", README.encode())
        for path in sorted(site.rglob("*"), key=lambda path: path.relative_to(site).as_posix()):
            if path.is_file():
                _add(archive, path.relative_to(site).as_posix(), _content(path))
    return draft.replace(target)


def _content(path: Path) -> bytes:
    data = path.read_bytes()
    return (
        data.replace(b"<head>", f"<head>{POLICY}".encode(), 1) if path.suffix == ".html" else data
    )


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    entry = zipfile.ZipInfo(f"{NAME}/{name}", _DATE)
    entry.create_system = 3  # Unix, wherever it is made: the default differs between systems
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, data, zipfile.ZIP_DEFLATED, compresslevel=9)
