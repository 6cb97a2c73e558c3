"""Finding out quickly which hosts can be reached at all."""

import contextlib
import queue
import socket
import threading
import time
from collections.abc import Iterable
from urllib.parse import urlsplit

from requests.utils import get_environ_proxies, select_proxy

CONNECT_SECONDS = 3.0


def unreachable(urls: Iterable[str], seconds: float = CONNECT_SECONDS) -> dict[str, str]:
    """Which addresses give no connection, and why; all are tried at once.

    Trying them one after the other would cost seconds each on a machine without a network. A name
    server that never answers can't be given a time limit, so each address has a thread that may be
    left behind.

    Args:
        urls: addresses; behind a proxy, the proxy is tried.
        seconds: how long to wait for all of them together.

    Returns:
        the reason for each address that can't be reached.
    """
    asked = list(dict.fromkeys(urls))
    answers: queue.SimpleQueue[tuple[str, str | None]] = queue.SimpleQueue()
    for url in asked:
        threading.Thread(
            target=lambda url=url: answers.put((url, _try(url, seconds))), daemon=True
        ).start()
    reasons: dict[str, str | None] = dict.fromkeys(asked, f"no connection within {seconds:.0f} s")
    end = time.monotonic() + seconds
    with contextlib.suppress(queue.Empty):
        for _ in asked:
            url, reason = answers.get(timeout=max(end - time.monotonic(), 0.1))
            reasons[url] = reason
    return {url: reason for url, reason in reasons.items() if reason is not None}


def _try(url: str, seconds: float) -> str | None:
    parts = urlsplit(select_proxy(url, get_environ_proxies(url)) or url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname, port), timeout=seconds).close()
    except OSError as error:
        return f"no connection to {parts.hostname} ({error.strerror or error})"
    return None
