"""``ncbook serve``: look at the built site."""

from contextlib import suppress
from functools import partial
from typing import Annotated

import typer

from ncbook.cli.checkout import find_checkout
from ncbook.cli.console import console
from ncbook.errors import NcbookError


def serve(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any that is free.")] = 8000,
) -> None:
    """Serve the built site to this machine until Ctrl-C.

    Opened as a file, a page can't load its search index or its demos.
    """
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

    site = find_checkout() / "_build" / "html"
    if not (site / "index.html").is_file():
        raise NcbookError(f"There is no site in {site}", "Run `ncbook build` first")
    handler = partial(SimpleHTTPRequestHandler, directory=str(site))
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError as error:
        raise NcbookError(
            f"Port {port} can't be used ({error.strerror})", "Choose another with --port", 2
        ) from error
    with server, suppress(KeyboardInterrupt):
        url = f"http://127.0.0.1:{server.server_port}/"
        console().print(f"The book is at {url} until Ctrl-C", markup=False)
        server.serve_forever()
