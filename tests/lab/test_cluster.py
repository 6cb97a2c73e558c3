"""Real clusters of local processes: runs are shared out, workers are killed, clients come twice."""

import dataclasses
import getpass
import os
import platform
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dask.distributed import Client, LocalCluster, Worker

import ncbook
from ncbook.errors import NcbookError
from ncbook.lab import checkpoint, shared
from ncbook.lab.cluster import connect, connected, lease, train_on_cluster
from ncbook.lab.cluster.survey import ask, survey, versions
from ncbook.lab.cluster.work import Around, train_one
from ncbook.lab.config import RunConfig
from ncbook.lab.data import load_dataset
from ncbook.lab.listing import list_runs
from ncbook.lab.outcome import Outcome
from ncbook.lab.paths import data_dir, runs_dir
from ncbook.lab.runs import load_run
from ncbook.lab.training import train

posix = pytest.mark.skipif(os.name == "nt", reason="sends POSIX signals")


def new_cache(folder: Path) -> Path:
    """An empty store beside the data, which all share."""
    folder.mkdir()
    (folder / "data").symlink_to(data_dir().resolve(), target_is_directory=True)
    return folder


@pytest.fixture(scope="module")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    load_dataset("cifar10")
    return new_cache(tmp_path_factory.mktemp("cluster") / "cache")


@pytest.fixture(scope="module")
def client(shared_cache: Path) -> Iterator[Client]:
    """Two workers that share this machine's cache, started once for all tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NCBOOK_CACHE", str(shared_cache))
        with connected("local", workers=2) as client:
            yield client


@pytest.fixture
def address(client: Client, shared_cache: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The cluster's, for a client that shares its cache, with checkpoints taken all the time."""
    monkeypatch.setenv("NCBOOK_CACHE", str(shared_cache))
    monkeypatch.setattr(lease, "SETTLE", 0.01)
    client.wait_for_workers(2)
    client.run(use_cache, str(shared_cache))
    client.run(hurry)
    return str(client.scheduler.address)


def use_cache(folder: str) -> None:
    os.environ["NCBOOK_CACHE"] = folder


def hurry() -> None:
    checkpoint.LEAST_PAUSE, checkpoint.TIMES_WRITING, shared.PAUSES = 0.0, 0, 0


@pytest.fixture
def long(tiny: RunConfig) -> RunConfig:
    """Seconds of training."""
    return dataclasses.replace(tiny, epochs=50, measurements=3)


def unfinished(config: RunConfig) -> Path:
    """The checkpoint of a run."""
    run_id = config.run_id(load_dataset(config.dataset).digest)
    return runs_dir() / f"{run_id}.partial" / checkpoint.NAME


def weights(run_id: str) -> bytes:
    run = load_run(run_id)
    assert run is not None
    return (run.folder / "weights.safetensors").read_bytes()


def elsewhere(config: RunConfig, folder: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """The weights of the same run, trained without interruption and without a cluster."""
    with monkeypatch.context() as patch:
        patch.setenv("NCBOOK_CACHE", str(new_cache(folder)))
        patch.delenv(shared.VARIABLE, raising=False)
        return weights(train(config, "cpu").id)


def in_thread(work: Any) -> tuple[threading.Thread, list[Outcome]]:
    found: list[Outcome] = []
    thread = threading.Thread(target=lambda: found.extend(work()))
    thread.start()
    return thread, found


def wait_until(happened: Any, seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = happened()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("it didn't happen in time")


def busy(client: Client) -> list[str]:
    return [worker for worker, tasks in client.processing().items() if tasks]


def kill(client: Client, worker: str) -> None:
    os.kill(client.run(os.getpid, workers=[worker])[worker], signal.SIGKILL)


def test_each_run_is_trained_once_and_a_failing_one_stops_no_other(
    address: str, tiny: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = dataclasses.replace(tiny.model, classifier=True)
    diverging = dataclasses.replace(tiny, loss="ce", model=model, lr=1e30)
    other = dataclasses.replace(tiny, seed=1)
    configs = {"one": tiny, "other": other, "bad": diverging, "again": tiny}
    found = {o.name: o for o in train_on_cluster(configs, address, device="cpu")}
    assert found.keys() == configs.keys()
    assert found["one"].run_id == found["again"].run_id != found["other"].run_id
    assert (found["bad"].finished, found["bad"].run_id) == (False, "")
    assert "diverged" in found["bad"].cause
    assert "learning rate" in found["bad"].cure
    assert weights(found["one"].run_id) == elsewhere(tiny, tmp_path / "alone", monkeypatch)
    made = (runs_dir() / found["one"].run_id).stat().st_mtime_ns
    (again,) = train_on_cluster({"one": tiny}, address, device="cpu")
    assert again == found["one"]
    assert (runs_dir() / again.run_id).stat().st_mtime_ns == made


@posix
def test_a_worker_killed_in_mid_run_costs_only_time(
    client: Client,
    address: str,
    long: RunConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    thread, found = in_thread(lambda: train_on_cluster({"a": long}, address, device="cpu"))
    wait_until(unfinished(long).exists)
    (worker,) = busy(client)
    kill(client, worker)
    thread.join(120)
    (outcome,) = found
    assert outcome.finished, outcome
    assert weights(outcome.run_id) == elsewhere(long, tmp_path / "alone", monkeypatch)


@posix
def test_machines_with_a_disk_each_go_on_through_the_shared_store(
    client: Client,
    address: str,
    long: RunConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = dataclasses.replace(long, seed=5)
    for number, worker in enumerate(client.nthreads()):
        cache = str(new_cache(tmp_path / f"machine{number}"))
        client.run(use_cache, cache, workers=[worker])
    monkeypatch.setenv("NCBOOK_CACHE", str(new_cache(tmp_path / "client")))
    monkeypatch.setenv(shared.VARIABLE, str(tmp_path / "store"))
    thread, found = in_thread(lambda: train_on_cluster({"a": config}, address, device="cpu"))
    wait_until(lambda: list((tmp_path / "store").glob("checkpoints/*/*.pt")))
    (first,) = tmp_path.glob("machine*/runs/*.partial")
    (worker,) = busy(client)
    kill(client, worker)
    thread.join(120)
    (outcome,) = found
    assert outcome.finished, outcome
    assert not (first.parent / outcome.run_id).exists(), "the other machine finished it"
    expected = elsewhere(config, tmp_path / "alone", monkeypatch)
    assert weights(outcome.run_id) == expected, "and the client has it"
    assert list((tmp_path / "store").glob("checkpoints/*/*")) == []


def test_who_stops_listening_stops_the_training(
    client: Client, address: str, tiny: RunConfig
) -> None:
    endless = dataclasses.replace(tiny, seed=6, epochs=100_000, measurements=3)
    going = train_on_cluster({"short": tiny, "endless": endless}, address, device="cpu")
    assert next(going).name == "short"
    wait_until(unfinished(endless).exists)
    going.close()
    wait_until(lambda: not any(client.run(executing).values()), 30)
    assert unfinished(endless).exists(), "it can go on from there"
    assert lease.read(lease.store_in_use()) is None


def executing(dask_worker: Worker) -> int:
    return int(dask_worker.state.executing_count)


def test_a_second_client_is_told_who_is_at_work_and_since_when(
    address: str, tiny: RunConfig
) -> None:
    with (
        lease.held(lease.store_in_use(), lost=pytest.fail),
        pytest.raises(NcbookError) as caught,
    ):
        list(train_on_cluster({"a": tiny}, address, device="cpu"))
    who = f"{getpass.getuser()} on {platform.node()} (process {os.getpid()})"
    assert f"{who} has been at work on the run store {runs_dir()} since 20" in caught.value.cause


def test_mixed_versions_are_refused_before_any_task_is_sent(
    client: Client, address: str, tiny: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = dataclasses.replace(tiny, seed=77)
    monkeypatch.setattr(ncbook, "__version__", "0.0.1")
    with pytest.raises(NcbookError) as caught:
        list(train_on_cluster({"a": fresh}, address, device="cpu"))
    monkeypatch.undo()
    assert caught.value.exit_code == 2
    for part in ("worker tcp://", f"has ncbook {ncbook.__version__}, this process 0.0.1"):
        assert part in caught.value.cause
    assert not busy(client)
    assert not any(record.label == fresh.label for record in list_runs())


def test_a_worker_that_joined_late_with_other_versions_trains_nothing(
    client: Client, address: str, tiny: RunConfig
) -> None:
    around = Around(None, "topic", versions() | {"torch": "1.0"})
    outcome = client.submit(train_one, tiny, "cpu", None, around, pure=False).result(30)
    assert not outcome.finished
    assert "Versions are mixed: the client has torch 1.0, this process" in outcome.cause


def test_a_worker_without_our_package_is_named(client: Client) -> None:
    with pytest.raises(NcbookError, match=r"Worker tcp://.* has no ncbook like this one's"):
        ask(client, missing)


def missing() -> None:
    raise ModuleNotFoundError("No module named 'ncbook'")


def test_a_store_that_workers_do_not_see_is_refused(
    address: str, tiny: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(shared.VARIABLE, "memory://each-process-has-its-own")
    with pytest.raises(NcbookError, match=r"Worker tcp://.* doesn't see the run store memory:"):
        list(train_on_cluster({"a": tiny}, address, device="cpu"))


def test_what_no_worker_offers_is_refused_at_once(address: str, tiny: RunConfig) -> None:
    with pytest.raises(NcbookError, match="No worker of the cluster offers a GPU") as caught:
        list(train_on_cluster({"a": tiny}, address, device="cuda"))
    assert caught.value.exit_code == 2


def test_a_worker_of_several_threads_is_refused() -> None:
    with (
        LocalCluster(
            n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None
        ) as cluster,
        Client(cluster) as client,
        pytest.raises(NcbookError, match="would train 2 runs at once in one process"),
    ):
        survey(client)


def test_no_scheduler_at_the_address(tiny: RunConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect, "ANSWER_WITHIN", 0.5)
    for wrong in ("tcp://127.0.0.1:9", "nonsense://x"):
        with pytest.raises(NcbookError, match="No Dask scheduler answers at") as caught:
            list(train_on_cluster({"a": tiny}, wrong, device="cpu"))
        assert caught.value.exit_code == 2
