"""Transport against a web server on this machine: whole, resumed, slow, and wrong in every way."""

import hashlib
import logging
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ncbook.lab.data import download as module
from ncbook.lab.data import network
from ncbook.lab.data.download import RemoteFile, download
from ncbook.lab.data.failures import SourceFailure
from tests.data_world import ARCHIVE, Answer, Server, serving

BODY = hashlib.shake_256(b"ncbook").digest(600_000)
FILE = RemoteFile(ARCHIVE, len(BODY), hashlib.md5(BODY).hexdigest())
HTML = b"<!DOCTYPE html><html><body>Log in to the network</body></html>"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    with serving() as running:
        yield running


def fetch(server: Server, answer: Answer, path: Path, patient: bool = True) -> None:
    download(server.serve("m", answer) + ARCHIVE, path, FILE, patient)


def test_a_whole_file_arrives_and_leaves_no_part(server: Server, tmp_path: Path) -> None:
    fetch(server, Answer(BODY), tmp_path / ARCHIVE)
    assert (tmp_path / ARCHIVE).read_bytes() == BODY
    assert [path.name for path in tmp_path.iterdir()] == [ARCHIVE]


def test_a_file_already_there_is_not_asked_for(server: Server, tmp_path: Path) -> None:
    (tmp_path / ARCHIVE).write_bytes(BODY)
    fetch(server, Answer(BODY), tmp_path / ARCHIVE)
    assert server.requests == []


def test_a_part_is_continued(server: Server, tmp_path: Path) -> None:
    (tmp_path / f"{ARCHIVE}.part").write_bytes(BODY[:200_000])
    fetch(server, Answer(BODY), tmp_path / ARCHIVE)
    assert (tmp_path / ARCHIVE).read_bytes() == BODY
    assert [asked for _, asked in server.requests] == ["bytes=200000-"]


def test_a_wrong_part_is_thrown_away_and_begun_again(server: Server, tmp_path: Path) -> None:
    (tmp_path / f"{ARCHIVE}.part").write_bytes(b"x" * 200_000)
    fetch(server, Answer(BODY), tmp_path / ARCHIVE)
    assert (tmp_path / ARCHIVE).read_bytes() == BODY
    assert [asked for _, asked in server.requests] == ["bytes=200000-", None]


def test_a_part_longer_than_the_file_is_begun_again(server: Server, tmp_path: Path) -> None:
    (tmp_path / f"{ARCHIVE}.part").write_bytes(BODY + b"more")
    fetch(server, Answer(BODY), tmp_path / ARCHIVE)
    assert (tmp_path / ARCHIVE).read_bytes() == BODY


def test_a_broken_connection_is_taken_up_where_it_broke(server: Server, tmp_path: Path) -> None:
    fetch(server, Answer(BODY, cut=300_000), tmp_path / ARCHIVE)
    assert (tmp_path / ARCHIVE).read_bytes() == BODY
    (first, second) = (asked for _, asked in server.requests)
    assert first is None
    assert second is not None


def test_the_connection_may_not_compress(server: Server, tmp_path: Path) -> None:
    """A host that labels a .gz as encoded must not make the client unpack it."""
    fetch(server, Answer(BODY, content_type="application/x-gzip"), tmp_path / ARCHIVE)
    assert (tmp_path / ARCHIVE).stat().st_size == len(BODY)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(BODY[:-1] + b"?"), "corrupted or another file"),
        (Answer(BODY[:400_000]), "truncated or another file"),
        (Answer(BODY[:400_000], honest=False), "truncated: 400,000 of 600,000 bytes"),
        (Answer(BODY + b"more", honest=False), "more than the 600,000 bytes"),
        (Answer(HTML, "text/html; charset=utf-8"), "HTML page"),
        (Answer(HTML.ljust(len(BODY))), "HTML page"),
        (Answer(b"", status=503), "503"),
        (Answer(b"", status=404), "404"),
        (Answer(hashlib.shake_256(b"other").digest(len(BODY))), "corrupted or another file"),
    ],
    ids=["corrupted", "truncated", "truncated, unannounced", "too long", "html", "html as gzip",
         "unavailable", "missing", "swapped"],
)  # fmt: skip
def test_what_is_wrong_is_said_and_nothing_is_left(
    server: Server, tmp_path: Path, answer: Answer, reason: str
) -> None:
    with pytest.raises(SourceFailure, match=reason):
        fetch(server, answer, tmp_path / ARCHIVE)
    assert list(tmp_path.iterdir()) == []


def test_an_html_page_does_not_cost_the_part(server: Server, tmp_path: Path) -> None:
    part = tmp_path / f"{ARCHIVE}.part"
    part.write_bytes(BODY[:200_000])
    with pytest.raises(SourceFailure, match="HTML page"):
        fetch(server, Answer(HTML, "text/html"), tmp_path / ARCHIVE)
    assert part.read_bytes() == BODY[:200_000]


def test_a_missing_page_counts_as_not_reached(server: Server, tmp_path: Path) -> None:
    with pytest.raises(SourceFailure) as caught:
        fetch(server, Answer(b"", status=404), tmp_path / ARCHIVE)
    assert not caught.value.reached


def test_a_host_that_falls_silent_is_left(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_READ_SECONDS", 0.2)
    begun = time.monotonic()
    with pytest.raises(SourceFailure, match="connection failed at 0 of"):
        fetch(server, Answer(BODY, silent=5.0), tmp_path / ARCHIVE)
    assert time.monotonic() - begun < 4


def test_a_slow_host_is_left_only_by_the_impatient(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PATIENCE_SECONDS", 0.2)
    monkeypatch.setattr(module, "_SLOW", 5_000_000)
    monkeypatch.setattr(module, "_CHUNK", 4096)
    answer = Answer(BODY, rate=600_000)
    with pytest.raises(SourceFailure, match="slow") as caught:
        fetch(server, answer, tmp_path / ARCHIVE, patient=False)
    assert caught.value.slow
    assert 0 < (tmp_path / f"{ARCHIVE}.part").stat().st_size < len(BODY)
    fetch(server, answer, tmp_path / ARCHIVE, patient=True)
    assert (tmp_path / ARCHIVE).read_bytes() == BODY
    assert server.requests[-1][1] is not None  # it went on from where it was


def test_reachable_hosts_are_told_from_others(server: Server) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # a port at which nobody listens
        refused = f"http://127.0.0.1:{closed.getsockname()[1]}/"
        nowhere = "https://no-such-host.invalid/"
        reasons = network.unreachable([server.base, refused, nowhere])
    assert set(reasons) == {refused, nowhere}
    assert "no-such-host.invalid" in reasons[nowhere]


def test_hosts_that_never_answer_are_tried_together() -> None:
    """Four listeners with a full queue: a connection to them hangs, as behind a firewall."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "127.0.0.1")
        full = [_full_listener() for _ in range(4)]
        urls = [f"http://127.0.0.1:{sockets[0].getsockname()[1]}/" for sockets in full]
        begun = time.monotonic()
        reasons = network.unreachable(urls, seconds=1.0)
        seconds = time.monotonic() - begun
        for sockets in full:
            for each in sockets:
                each.close()
    assert set(reasons) == set(urls)
    assert seconds < 3  # one after the other would take four


def _full_listener() -> list[socket.socket]:
    listener = socket.create_server(("127.0.0.1", 0), backlog=0)
    sockets = [listener]
    for _ in range(8):
        caller = socket.socket()
        caller.setblocking(False)
        caller.connect_ex(listener.getsockname())
        sockets.append(caller)
    return sockets


def test_a_proxy_is_what_must_be_reached(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("https_proxy", server.base)
    assert network.unreachable(["https://no-such-host.invalid/"]) == {}


def test_nothing_is_logged_when_all_goes_well(
    server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="ncbook"):
        fetch(server, Answer(BODY), tmp_path / ARCHIVE)
    assert caplog.records == []
