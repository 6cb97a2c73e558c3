"""Serving a folder to this machine."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


def make_server(folder: Path, port: int = 0) -> ThreadingHTTPServer:
    """A server of a folder's files, not begun yet, on a port or on any that is free.

    Raises:
        OSError: if the port can't be used.
    """
    return ThreadingHTTPServer(("127.0.0.1", port), partial(_Handler, directory=str(folder)))


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve a folder while the block runs; yields the address, which ends in a slash."""
    with make_server(folder) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


class _Handler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002, its parent's name
        """Keep quiet: a line for each request would drown what a command says."""
