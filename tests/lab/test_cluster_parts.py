"""Leases, needs, progress and failures of a cluster, without one."""

import dataclasses
import json
import os
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

import pytest
from dask.distributed import KilledWorker

from ncbook.errors import NcbookError
from ncbook.lab.cluster import lease
from ncbook.lab.cluster.board import Board
from ncbook.lab.cluster.failure import describe
from ncbook.lab.cluster.lease import Lease
from ncbook.lab.cluster.needs import memory_of, needs
from ncbook.lab.cluster.survey import require_same, versions
from ncbook.lab.config import RunConfig
from ncbook.lab.data import SubsetConfig
from ncbook.lab.shared import SharedStore, open_store


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> SharedStore:
    monkeypatch.setattr(lease, "SETTLE", 0.01)
    found = open_store(f"memory://store-{uuid.uuid4().hex}")
    assert found is not None
    return found


def put(there: SharedStore, **changes: object) -> Lease:
    """A lease of somebody else's."""
    now = time.time()
    theirs = Lease("theirs", "ada", "far-away", 1, now, now)
    theirs = dataclasses.replace(theirs, **changes)  # type: ignore[arg-type]
    there.write(json.dumps(dataclasses.asdict(theirs)).encode(), lease.NAME)
    return theirs


def test_who_holds_the_lease_keeps_others_out_until_the_end(there: SharedStore) -> None:
    with lease.held(there, pytest.fail) as mine:
        assert lease.read(there) == mine
        with (
            pytest.raises(NcbookError, match="has been at work on the run store memory://"),
            lease.held(there, pytest.fail),
        ):
            pytest.fail("two hold the lease")
    assert lease.read(there) is None


def test_a_lease_without_a_sign_of_life_is_taken_over(there: SharedStore) -> None:
    put(there, beat=time.time() - lease.STALE + 60)
    with (
        pytest.raises(NcbookError, match=r"ada on far-away \(process 1\) has been"),
        lease.held(there, pytest.fail),
    ):
        pytest.fail("it was alive")
    put(there, beat=time.time() - lease.STALE - 1)
    with lease.held(there, pytest.fail) as mine:
        assert mine.owner != "ada"


def test_a_lease_of_a_process_that_died_here_is_free_at_once(there: SharedStore) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    put(there, host=lease.platform.node(), pid=dead.pid)
    with lease.held(there, pytest.fail):
        pass
    put(there, host=lease.platform.node(), pid=os.getpid())
    with pytest.raises(NcbookError), lease.held(there, pytest.fail):
        pytest.fail("this process is alive")


def test_half_a_lease_is_nobodys(there: SharedStore, caplog: pytest.LogCaptureFixture) -> None:
    there.write(b'{"token": "abc", ', lease.NAME)
    with lease.held(there, pytest.fail):
        pass
    assert "damaged: taken over" in caplog.text


def test_a_lease_shows_signs_of_life_and_its_loss_is_noticed(
    there: SharedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "BEAT", 0.02)
    said, lost = [], threading.Event()

    def lose(what: str) -> None:
        said.append(what)
        lost.set()

    with lease.held(there, lose) as mine:
        deadline = time.monotonic() + 10
        while (now := lease.read(there)) and now.beat == mine.beat:
            assert time.monotonic() < deadline
        put(there)
        assert lost.wait(10)
    assert said == [f"ada on far-away has taken over the run store {there.url}"]
    left = lease.read(there)
    assert left is not None
    assert left.owner == "ada", "what isn't ours stays"


CPU, GPU = {"MEMORY": 4e9}, {"MEMORY": 4e9, "GPU": 1}


@pytest.mark.parametrize(
    ("device", "offers", "expected"),
    [
        ("auto", [{}, {}], {}),
        ("auto", [CPU, CPU], {"MEMORY": 2e9}),
        ("auto", [CPU, GPU], {"MEMORY": 2e9, "GPU": 1}),
        ("cpu", [CPU, GPU], {"MEMORY": 2e9}),
        ("cuda", [{"GPU": 2}], {"GPU": 1}),
    ],
)
def test_a_task_asks_only_for_what_is_offered(
    device: str, offers: list[dict[str, float]], expected: dict[str, float]
) -> None:
    assert needs("a run", 2e9, device, offers) == expected


def test_what_nobody_offers_would_be_waited_for_in_vain() -> None:
    with pytest.raises(NcbookError, match="No worker of the cluster offers a GPU"):
        needs("a run", 2e9, "cuda", [CPU])
    with pytest.raises(NcbookError, match=r"a run needs about 9\.0 GB .* offers 4\.0 GB") as caught:
        needs("a run", 9e9, "cpu", [CPU, {}])
    assert caught.value.exit_code == 2


def test_memory_grows_with_the_images() -> None:
    few, many = (RunConfig(subset=SubsetConfig(n, 10_000)) for n in (500, 50_000))
    assert 1e9 < memory_of(few) < memory_of(many) < 8e9


@pytest.mark.parametrize("name", versions())
def test_versions_that_differ_are_named(name: str) -> None:
    require_same(versions(), "worker x")
    with pytest.raises(NcbookError, match=f"worker x has {name} other, this process") as caught:
        require_same(versions() | {name: "other"}, "worker x")
    assert caught.value.exit_code == 2


def test_deaths_and_surprises_are_told_in_a_line_each() -> None:
    cause, cure = describe(KilledWorker("key", last_worker="tcp://x", allowed_failures=3))
    assert cause == "4 workers died at work on it, perhaps for want of memory"
    assert "it goes on" in cure
    cause, _ = describe(ZeroDivisionError("division by zero."))
    assert cause == "Unexpected ZeroDivisionError on a worker: division by zero"


def test_the_board_shows_where_runs_are(capsys: pytest.CaptureFixture[str]) -> None:
    with Board({f"key{n}": (f"row{n}", 20) for n in range(5)}) as board:
        for n in range(5):
            board.hear((0.0, {"key": f"key{n}", "epoch": n + 7}))
        board.hear((0.0, {"key": "another client's", "epoch": 1}))
        board.done("key0")
    shown = capsys.readouterr().err
    assert "row0 7/20, row1 8/20, row2 9/20, 2 more" in shown
    assert "1/5" in shown
    assert "row1 8/20, row2 9/20, row3 10/20, 1 more" in shown


def test_without_dask_one_line_says_what_to_install(tmp_path: Path) -> None:
    script = (
        "import sys; sys.modules['dask'] = None\n"
        "from ncbook.errors import NcbookError\n"
        "try:\n    import ncbook.lab.cluster\n"
        "except NcbookError as error:\n    print(error, error.exit_code)"
    )
    command = [sys.executable, "-c", script]
    said = subprocess.run(command, capture_output=True, encoding="utf-8", check=True).stdout
    assert said.startswith("Clusters need dask")
    assert "ncbook[cluster]" in said
