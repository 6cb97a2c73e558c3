"""A small data set in CIFAR's own format, and a web server that serves it well or badly.

The images are fabricated: these helpers serve tests of transport, decoding and storage only.
"""

import gzip
import hashlib
import io
import pickle
import struct
import tarfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np

from ncbook.lab.data.catalogue import Source, Spec
from ncbook.lab.data.dataset import Arrays
from ncbook.lab.data.decode import CifarLayout, read_cifar_archive
from ncbook.lab.data.download import Mirror, RemoteFile

FOLDER = "cifar-10-batches-py"
ARCHIVE = "tiny.tar.gz"


def tiny_arrays(train: int = 20, test: int = 10, noise: bool = True) -> Arrays:
    """Images of random pixels (or black ones), labels 0 … 9 in turn."""
    rng = np.random.default_rng(7)

    def images(count: int) -> np.ndarray:
        shape = (count, 32, 32, 3)
        return rng.integers(0, 256, shape, np.uint8) if noise else np.zeros(shape, np.uint8)

    return Arrays(images(train), np.arange(train) % 10, images(test), np.arange(test) % 10)


def batches(arrays: Arrays) -> dict[str, bytes]:
    """The pickled batch files, as CIFAR has them: planes of red, green and blue, an image a row."""
    splits = {
        "data_batch_1": (arrays.train_images, arrays.train_labels),
        "test_batch": (arrays.test_images, arrays.test_labels),
    }
    return {
        name: python2_pickle(
            {
                "data": images.transpose(0, 3, 1, 2).reshape(len(images), -1),
                "labels": labels.tolist(),
            }
        )
        for name, (images, labels) in splits.items()
    }


def python2_pickle(value: object) -> bytes:
    """Pickled as Python 2 did it, and so as CIFAR's own files are: all strings are byte strings."""
    out = io.BytesIO()
    _Python2Pickler(out, protocol=2).dump(value)
    return out.getvalue()


class _Python2Pickler(pickle._Pickler):  # type: ignore[name-defined, misc]
    def save_string(self, value: str | bytes) -> None:
        data = value.encode() if isinstance(value, str) else value
        short = len(data) < 256
        head = b"U" + bytes([len(data)]) if short else b"T" + struct.pack("<i", len(data))
        self.write(head + data)
        self.memoize(value)

    dispatch = pickle._Pickler.dispatch | {str: save_string, bytes: save_string}  # type: ignore[attr-defined]


def tar_gz(files: dict[str, bytes], folder: str = FOLDER) -> bytes:
    """An archive of ``files`` in ``folder``; equal files, equal bytes."""
    out = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=out, mode="wb", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as archive,
    ):
        for name, data in files.items():
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


def idx(array: np.ndarray) -> bytes:
    """An IDX file: (n, H, W) images or (n,) labels."""
    magic = 2051 if array.ndim == 3 else 2049
    return (
        struct.pack(f">{array.ndim + 1}I", magic, *array.shape) + array.astype(np.uint8).tobytes()
    )


def layout(files: dict[str, bytes]) -> CifarLayout:
    """The layout whose MD5 sums are those of ``files``."""
    md5 = {name: hashlib.md5(data).hexdigest() for name, data in files.items()}
    train, test = (("data_batch_1", md5["data_batch_1"]),), (("test_batch", md5["test_batch"]),)
    return CifarLayout(ARCHIVE, FOLDER, train, test, b"labels")


@dataclass
class World:
    """A data set called tiny: its arrays, its archive, and the specification of both."""

    arrays: Arrays = field(default_factory=tiny_arrays)

    def __post_init__(self) -> None:
        self.files = batches(self.arrays)
        self.layout = layout(self.files)
        self.archive = tar_gz(self.files)

    def mirror(self, base: str) -> Mirror:
        md5 = hashlib.md5(self.archive).hexdigest()
        file = RemoteFile(ARCHIVE, len(self.archive), md5)
        form = self.layout
        return Mirror(base, (file,), lambda folder: read_cifar_archive(folder / ARCHIVE, form))

    def spec(self, *sources: Source | str) -> Spec:
        """The data set with these sources; a string is the address of a mirror."""
        found = tuple(self.mirror(each) if isinstance(each, str) else each for each in sources)
        sizes = (len(self.arrays.train_labels), len(self.arrays.test_labels))
        names = tuple("abcdefghij")
        return Spec("tiny", (32, 32, 3), sizes, names, self.layout, found, {})


@dataclass
class Answer:
    """How the server answers for one path.

    Attributes:
        body: what it sends.
        content_type: what it says that this is.
        status: the status of a whole answer.
        cut: bytes after which it breaks the connection, on the first request only.
        rate: bytes a second; as fast as possible if None.
        silent: seconds before the answer begins.
        honest: whether it announces the length.
    """

    body: bytes
    content_type: str = "application/gzip"
    status: int = 200
    cut: int | None = None
    rate: float | None = None
    silent: float = 0.0
    honest: bool = True


class Server:
    """A running web server; ``answers`` says what it sends, ``requests`` what it was asked."""

    def __init__(self, httpd: ThreadingHTTPServer) -> None:
        self.answers: dict[str, Answer] = {}
        self.requests: list[tuple[str, str | None]] = []  # (path, Range header)
        self.base = f"http://127.0.0.1:{httpd.server_port}/"

    def serve(self, mirror: str, answer: Answer) -> str:
        """Serve the archive under a folder of its own; gives that folder's address."""
        self.answers[f"/{mirror}/{ARCHIVE}"] = answer
        return f"{self.base}{mirror}/"


@contextmanager
def serving() -> Iterator[Server]:
    """A server on a free port of this machine."""
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    httpd.daemon_threads = True
    httpd.world = Server(httpd)  # type: ignore[attr-defined]
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield httpd.world  # type: ignore[attr-defined]
    finally:
        httpd.shutdown()
        thread.join()
        httpd.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        world: Server = self.server.world  # type: ignore[attr-defined]
        asked = self.headers.get("Range")
        world.requests.append((self.path, asked))
        answer = world.answers.get(self.path, Answer(b"not here", "text/plain", status=404))
        time.sleep(answer.silent)
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        self._headers(answer, start)
        self._body(answer, start)

    def _headers(self, answer: Answer, start: int) -> None:
        partial = start > 0 and answer.status == 200
        self.send_response(206 if partial else answer.status)
        self.send_header("Content-Type", answer.content_type)
        if partial:
            size = len(answer.body)
            self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        if answer.honest:
            self.send_header("Content-Length", str(len(answer.body) - start))
        self.end_headers()

    def _body(self, answer: Answer, start: int) -> None:
        end, answer.cut = answer.cut, None
        body = answer.body[start:end]
        step = len(body) if answer.rate is None else max(int(answer.rate / 50), 1)
        try:
            for offset in range(0, len(body), step or 1):
                self.wfile.write(body[offset : offset + step])
                time.sleep(0 if answer.rate is None else step / answer.rate)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the client was killed, or had enough

    def log_message(self, *args: object) -> None:
        """Say nothing: the tests look at ``requests``."""


def private_cache(folder: Path) -> dict[str, str]:
    """Environment variables that give a process a cache of its own and keep it off any proxy."""
    return {"NCBOOK_CACHE": str(folder), "NCBOOK_DATA": "", "NO_PROXY": "127.0.0.1,localhost"}
