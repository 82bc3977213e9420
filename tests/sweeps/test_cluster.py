"""Clusters: who may work, what a device is used for, and what a killed worker costs. All are processes of their own."""

import gc
import itertools
import json
import logging
import os
import shutil
import signal
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from distributed import Client
from typer.testing import CliRunner

import ca_deploy
from ca_deploy.cli import app
from ca_deploy.errors import CaDeployError, UsageError
from ca_deploy.files import sha256_of
from ca_deploy.progress import NamedStep
from ca_deploy.records.latency import read_report
from ca_deploy.records.parity import Status
from ca_deploy.records.sweep import SweepRecord
from ca_deploy.sweeps import cluster, scheduler, tools
from ca_deploy.sweeps.cluster import connected
from ca_deploy.sweeps.embedded import cluster as started
from ca_deploy.sweeps.jobs import Made
from tests.sweeps.kit import OTHER, RECIPES, TINY, contents, sweep_file

DEVICES = ("emulated:cortex-a76", "emulated:cortex-a72")


def silent(name: str, doing: object) -> None: ...


@pytest.mark.parametrize(
    "address", ["tcp://127.0.0.1:1", "tcp://no.such.host.invalid:8786", "tls://x:1", "http://x", ""]
)
def test_a_scheduler_that_cannot_be_reached(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler, "CONNECT_S", 2)
    path = sweep_file(tmp_path, TINY)
    done = CliRunner().invoke(app, ["sweep", str(path), "-o", str(tmp_path / "out"), "--scheduler", address])
    assert done.exit_code == 2, done.output
    assert f"The scheduler {address} cannot be reached" in done.output
    assert not (tmp_path / "out").exists()


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
def test_what_is_no_scheduler_is_left_at_once() -> None:
    """A web server's answer reads as the length of a message of exabytes."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            with suppress(OSError):
                while True:
                    with server.accept()[0] as caller:
                        caller.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 4)

        threading.Thread(target=answer, daemon=True).start()
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(UsageError, match=f"{address} cannot be reached"), connected(address, silent):
            pass
    gc.collect()


def test_a_worker_is_no_scheduler(two_machines: str, tmp_path: Path) -> None:
    with Client(two_machines, set_as_default=False) as client:
        worker = next(iter(client.scheduler_info()["workers"]))
    with pytest.raises(UsageError, match=f"{worker} is the address of a Worker"), connected(worker, silent):
        pass


def test_a_cluster_that_lacks_a_device_gets_no_folder(two_machines: str, tmp_path: Path) -> None:
    path = sweep_file(tmp_path, TINY, head='devices = ["emulated:cortex-a53"]')
    with pytest.raises(UsageError, match="offered 0 times"):
        ca_deploy.sweep(path, tmp_path / "out", scheduler=two_machines)
    assert not (tmp_path / "out").exists()


def test_workers_are_those_of_the_scheduler_whatever_the_client_has_heard(
    two_machines: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client asks by itself every two seconds for an identity without workers, at any time."""

    async def without_workers(client: Client, n_workers: int = 0) -> None:
        client._scheduler_identity = {"workers": {}}

    with connected(two_machines, silent) as workers:
        monkeypatch.setattr(Client, "_update_scheduler_info", without_workers)
        assert workers.count() == 2


def test_dask_logs_nothing_of_a_lost_connection(two_machines: str) -> None:
    names = ("distributed", "distributed.client", "distributed.core", "distributed.comm.tcp")
    before = [logging.getLogger(name).level for name in names]
    with connected(two_machines, silent):
        assert not any(logging.getLogger(name).isEnabledFor(logging.ERROR) for name in names)
    assert [logging.getLogger(name).level for name in names] == before


def test_workers_of_this_machine_and_of_a_scheduler_contradict_each_other(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="drop one"):
        ca_deploy.sweep(sweep_file(tmp_path, TINY), tmp_path / "out", scheduler="tcp://127.0.0.1:1", workers=2)


def test_without_dask_the_command_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "not_installed", lambda packages: list(packages))
    done = CliRunner().invoke(app, ["sweep", str(sweep_file(tmp_path, TINY)), "-o", str(tmp_path / "out")])
    assert done.exit_code == 2
    assert "pip install 'ca-deploy[sweep]'" in done.output


def test_a_worker_with_other_versions_is_named(two_machines: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here it is the client that says something else of itself."""
    ours = {**tools.everything(), "torch": "1.0", "coremltools": "2.0"}
    monkeypatch.setattr(cluster, "_ours", lambda: ours)
    with connected(two_machines, silent) as workers, pytest.raises(UsageError) as refused:
        workers.check([])
    assert "Worker tcp://127.0.0.1:" in str(refused.value)
    assert f"torch {tools.tools()['torch']} instead of 1.0" in str(refused.value)
    assert f"coremltools {tools.tools()['coremltools']} instead of 2.0" in str(refused.value)


def test_a_worker_that_joins_with_other_versions_does_no_job(
    two_machines: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "_ours", lambda: {**tools.everything(), "torch": "1.0"})
    with connected(two_machines, silent) as workers:
        workers.submit(Noted(tmp_path / "notes"), None, "note")
        _, (made,) = workers.finished()
    assert made.status is Status.FAIL
    assert f"torch {tools.tools()['torch']} instead of 1.0" in made.reason
    assert not (tmp_path / "notes").exists()


def test_differences_are_all_named() -> None:
    assert (
        tools.differences({"a": "1", "b": "2", "c": "3"}, {"a": "1", "b": "1"}) == "b 1 instead of 2, c - instead of 3"
    )
    assert not tools.differences(tools.everything(), tools.everything())


def test_a_device_is_offered_once(two_machines: str, tmp_path: Path) -> None:
    with connected(two_machines, silent) as workers:
        workers.check(DEVICES)
        with pytest.raises(UsageError, match=r"adb is offered 0 times .*--resources \"device:adb=1\""):
            workers.check(["adb"])
    with (
        started([{"device:adb": 1}, {"device:adb": 1}], tmp_path) as address,
        connected(address, silent) as workers,
        pytest.raises(UsageError, match="adb is offered 2 times"),
    ):
        workers.check(["adb"])


def test_nothing_listens_beyond_this_machine(two_machines: str) -> None:
    assert two_machines.startswith("tcp://127.0.0.1:")
    children = {child.pid for child in psutil.Process().children()}
    started = [one for one in psutil.process_iter(["cmdline"]) if one.pid in children]  # those of other tests too
    roots = [one for one in started if "ca_deploy.sweeps.embedded" in (one.info["cmdline"] or ())]
    processes = [*roots, *(inner for root in roots for inner in root.children(recursive=True))]
    places = {
        found.laddr.ip
        for process in processes
        for found in process.net_connections("inet")
        if found.status == psutil.CONN_LISTEN
    }
    assert places == {"127.0.0.1"}


@dataclass(frozen=True)
class Noted:
    """A job that notes when it began and ended, and where."""

    place: Path

    def run(self, folder: Path, step: NamedStep) -> list[Made]:
        began = time.monotonic()
        time.sleep(0.02)
        with self.place.open("a") as notes:
            notes.write(f"{began} {time.monotonic()} {os.getpid()}\n")
        return [Made(Status.PASS)]


def test_a_device_has_one_job_at_a_time_and_only_where_it_is(two_machines: str, tmp_path: Path) -> None:
    """Two sweeps ask for it at the same time."""
    with connected(two_machines, silent) as one, connected(two_machines, silent) as two:
        for number, (workers, device) in enumerate(itertools.product((one, two), DEVICES * 5)):
            workers.submit(Noted(tmp_path / device), number, f"note {number}", device)
        for workers in (one, two):
            while workers:
                _, (made,) = workers.finished()
                assert made.status is Status.PASS
    homes = set()
    for device in DEVICES:
        spans = sorted(tuple(map(float, line.split())) for line in (tmp_path / device).read_text().splitlines())
        assert len(spans) == 10
        assert all(before[1] <= after[0] for before, after in itertools.pairwise(spans))
        (home,) = {span[2] for span in spans}
        homes.add(home)
    assert len(homes) == 2


def test_a_cluster_measures_on_its_devices(two_machines: str, swept: tuple[Path, SweepRecord], tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(swept[0] / "out", out)
    path = sweep_file(tmp_path, TINY, head=f"devices = {json.dumps(DEVICES)}")
    record = ca_deploy.sweep(path, out, scheduler=two_machines)
    assert [cell.what for cell in record.cells].count("latency") == 4
    assert {cell.status for cell in record.cells} == {Status.PASS}
    assert contents(out, ".onnx") == contents(swept[0] / "out", ".onnx")
    for cell in record.cells:
        if cell.what == "latency":
            report = read_report(out / next(iter(cell.files)))
            assert report.device.name == cell.on
            assert report.measurements[0].sha256 == sha256_of(out / cell.file)
            assert cell.figures["instructions"] > 100_000


@dataclass(frozen=True)
class Sleeps:
    """A job that does not end in time."""

    def run(self, folder: Path, step: NamedStep) -> list[Made]:
        time.sleep(600)
        return []


def test_a_scheduler_that_is_killed_is_said_to_be_lost(tmp_path: Path) -> None:
    with started([{}], tmp_path) as address, connected(address, silent) as workers:
        workers.submit(Sleeps(), None, "sleeps")
        with Client(address, set_as_default=False) as client:
            os.kill(client.run_on_scheduler(os.getpid), signal.SIGKILL)
        with pytest.raises(CaDeployError, match=f"connection to the scheduler {address} is lost. Run the same again"):
            workers.finished()


def test_a_device_whose_worker_is_gone_costs_its_own_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_GONE_S", 1.0)
    with started([{"device:adb": 1}, {}], tmp_path) as address, connected(address, silent) as workers:
        workers.submit(Sleeps(), "on adb", "sleeps", "adb")
        with Client(address, set_as_default=False) as client:
            (home,) = [
                name for name, one in client.scheduler_info()["workers"].items() if "device:adb" in one["resources"]
            ]
            client.retire_workers([home])
        tag, (made,) = workers.finished()
    assert tag == "on adb"
    assert made.status is Status.FAIL
    assert made.reason == "The worker with device adb is gone."


def test_a_worker_that_is_killed_costs_nothing_that_was_finished(tmp_path: Path) -> None:
    """It is killed when it has begun, after the first result; what it had is made again, by its successor."""
    killed: list[int] = []
    with started([{}], tmp_path) as address:

        def kill(name: str, doing: object) -> None:
            if not killed and name == "larger.onnx_float32":
                with Client(address, set_as_default=False) as client:
                    killed.extend(client.run(os.getpid).values())
                os.kill(killed[0], signal.SIGKILL)

        path = sweep_file(tmp_path, TINY, OTHER, recipes=RECIPES[:1])
        done: list[int] = []
        record = ca_deploy.sweep(path, tmp_path / "out", scheduler=address, step=kill, progress=_noting(done, killed))
    assert killed
    assert done == [1]
    assert [cell.status for cell in record.cells] == [Status.PASS] * 2


def _noting(done: list[int], killed: list[int]) -> Any:
    """Notes how many results were kept before the kill."""
    return lambda number, total: done.append(number) if not killed else None
