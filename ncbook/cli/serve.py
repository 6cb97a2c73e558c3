"""``ncbook serve``: look at the built site."""

from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, cast

import typer

from ncbook.cli.checkout import find_checkout
from ncbook.cli.console import console
from ncbook.cli.options import Edition
from ncbook.errors import NcbookError

if TYPE_CHECKING:
    from ncbook.press.book import Edition as EditionName


def serve(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any that is free.")] = 8000,
    edition: Edition = "instructor",
) -> None:
    """Serve the built site to this machine until Ctrl-C.

    Opened as a file, a page can't load its search index.
    """
    from ncbook.press.book import Book
    from ncbook.press.server import make_server

    site = Book(find_checkout(), cast("EditionName", edition)).html
    if not (site / "index.html").is_file():
        raise NcbookError(f"There is no site in {site}", "Run `ncbook build` first")
    try:
        server = make_server(site, port)
    except OSError as error:
        raise NcbookError(
            f"Port {port} can't be used ({error.strerror})", "Choose another with --port", 2
        ) from error
    with server, suppress(KeyboardInterrupt):
        url = f"http://127.0.0.1:{server.server_port}/"
        console().print(f"The book is at {url} until Ctrl-C", markup=False)
        server.serve_forever()
