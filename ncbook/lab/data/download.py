"""Files over HTTP: resumed where they were left, checked before anyone reads them."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import requests
import urllib3

from ncbook.lab.data.dataset import Arrays
from ncbook.lab.data.failures import SourceFailure
from ncbook.lab.data.hashing import file_digest
from ncbook.lab.data.network import CONNECT_SECONDS
from ncbook.lab.data.progress import downloading

_READ_SECONDS = 8.0
_CHUNK = 1 << 16  # bytes
_SLOW = 200_000  # bytes a second: below it another source is worth a try
_PATIENCE_SECONDS = 10.0
_HTML = "an HTML page came instead of data"
_RESUMES = 3  # a connection that breaks is taken up again so often


@dataclass(frozen=True)
class RemoteFile:
    """A file as published: its name, its length in bytes and its MD5."""

    name: str
    size: int
    md5: str


@dataclass(frozen=True)
class Mirror:
    """A web folder with the files of a data set.

    Attributes:
        base: address of the folder, with a final slash.
        files: the files to get.
        decode: reads the folder they were saved in.
    """

    base: str
    files: tuple[RemoteFile, ...]
    decode: Callable[[Path], Arrays]

    @property
    def label(self) -> str:
        """What the source is called in messages."""
        return self.base + (self.files[0].name if len(self.files) == 1 else "")

    def fetch(self, folder: Path, patient: bool) -> Arrays:
        """Get every file into ``folder``, then decode; unless ``patient``, give a slow host up."""
        for file in self.files:
            download(self.base + file.name, folder / file.name, file, patient)
        return self.decode(folder)


def download(url: str, path: Path, file: RemoteFile, patient: bool = True) -> None:
    """Save ``url`` as ``path``, which is there afterwards if and only if it is the published file.

    What has arrived is kept in ``path`` + ``.part`` and continued by the next attempt, from this
    host or another one: the same MD5 means the same bytes.

    Args:
        url: where to get it.
        path: where to put it.
        file: what it must be.
        patient: whether to stay with a host that sends less than 200 kB/s.

    Raises:
        SourceFailure: naming what was wrong with the host or with what it sent.
    """
    if path.is_file() and file_digest(path, "md5") == file.md5:
        return
    part = path.with_name(path.name + ".part")
    continued = part.is_file() and part.stat().st_size > 0
    try:
        _complete(url, part, file, patient)
        _check(part, file)
    except _WrongBytes:
        part.unlink(missing_ok=True)
        if not continued:
            raise
        _complete(url, part, file, patient)  # the fault may lie in what an earlier attempt had left
        _check(part, file)
    part.replace(path)


class _WrongBytes(SourceFailure):
    """The host answered, and not with the file."""


def _complete(url: str, part: Path, file: RemoteFile, patient: bool) -> None:
    for attempt in range(_RESUMES + 1):
        before = _size(part)
        if before >= file.size:
            return
        try:
            _transfer(url, part, file, patient)
            return
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            if _size(part) == before or attempt == _RESUMES:
                raise SourceFailure(
                    _network_reason(error, part, file), reached=_size(part) > before
                ) from error


def _transfer(url: str, part: Path, file: RemoteFile, patient: bool) -> None:
    start = _size(part)
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
    with requests.get(
        url, headers=headers, stream=True, timeout=(CONNECT_SECONDS, _READ_SECONDS)
    ) as response:
        start = start if response.status_code == requests.codes.partial else 0
        _check_answer(response, start, file)
        with (
            part.open("ab" if start else "wb") as out,
            downloading(file.name, file.size, start) as advance,
        ):
            _copy(response, out.write, advance, start, file, patient)


def _copy(
    response: requests.Response,
    write: Callable[[bytes], int],
    advance: Callable[[int], None],
    start: int,
    file: RemoteFile,
    patient: bool,
) -> None:
    begun, received = time.monotonic(), 0
    for chunk in response.raw.stream(_CHUNK, decode_content=False):
        if start + received == 0:
            _check_beginning(chunk)
        write(chunk)
        advance(len(chunk))
        received += len(chunk)
        if start + received > file.size:
            raise _WrongBytes(
                f"more than the {file.size:,} bytes of {file.name} came: another file"
            )
        seconds = time.monotonic() - begun
        if not patient and seconds > _PATIENCE_SECONDS and received < _SLOW * seconds:
            raise SourceFailure(f"slow ({received / seconds / 1000:.0f} kB/s)", slow=True)


def _check_answer(response: requests.Response, start: int, file: RemoteFile) -> None:
    """What the headers alone tell, before a byte is written."""
    if not response.ok:
        raise SourceFailure(
            f"the host answers {response.status_code} {response.reason}", reached=False
        )
    if response.headers.get("Content-Type", "").startswith("text/html"):
        raise SourceFailure(_HTML)
    announced = response.headers.get("Content-Length", "")
    if announced.isdigit() and start + int(announced) != file.size:
        raise SourceFailure(
            f"{file.name} is truncated or another file:"
            f" {start + int(announced):,} bytes, not {file.size:,}"
        )


def _check_beginning(chunk: bytes) -> None:
    if chunk[:256].lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        raise _WrongBytes(_HTML)


def _check(part: Path, file: RemoteFile) -> None:
    size = _size(part)
    if size < file.size:
        raise _WrongBytes(f"{file.name} is truncated: {size:,} of {file.size:,} bytes")
    found = file_digest(part, "md5")
    if found != file.md5:
        raise _WrongBytes(
            f"{file.name} is corrupted or another file: its MD5 is {found}, not {file.md5}"
        )


def _size(part: Path) -> int:
    return part.stat().st_size if part.is_file() else 0


def _network_reason(error: Exception, part: Path, file: RemoteFile) -> str:
    return (
        f"the connection failed at {_size(part):,} of {file.size:,} bytes ({type(error).__name__})"
    )
