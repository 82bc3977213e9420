"""A device that several workers offer, because one joined after the check: it is used by one job at a time anyhow."""

import itertools
import os
import signal
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from ca_deploy.devices import canonical_name, open_device
from ca_deploy.latency.jobs import Wishes
from ca_deploy.progress import NamedStep, no_named_step
from ca_deploy.records.parity import Status
from ca_deploy.sweeps.cluster import connected
from ca_deploy.sweeps.embedded import cluster
from ca_deploy.sweeps.jobs import LatencyJob, Made
from tests.latency.kit import SHORT
from tests.latency.models import onnx_file

LEASE = "DASK_DISTRIBUTED__SCHEDULER__LOCKS__LEASE"


@dataclass(frozen=True)
class Uses:
    """Notes from when to when it used the device; or kills its worker meanwhile, the first time."""

    notes: Path
    kills: bool = False

    def run(self, folder: Path, step: NamedStep) -> list[Made]:
        mark = self.notes.with_suffix(".killed")
        if self.kills and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        began = time.monotonic()
        time.sleep(0.3)
        with self.notes.open("a") as notes:
            notes.write(f"{began} {time.monotonic()} {os.getpid()}\n")
        return [Made(Status.PASS)]


def test_two_sweeps_and_two_workers_take_turns_on_a_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In two spellings of its name. A worker that dies gives it back."""
    monkeypatch.setenv(f"{LEASE}_TIMEOUT", "3s")
    monkeypatch.setenv(f"{LEASE}_VALIDATION_INTERVAL", "1s")
    names = ("ssh://pi@a", "ssh://pi@A:22")
    with ExitStack() as opened:
        shares = [{f"device:{name}": 1.0 for name in names}] * 2
        address = opened.enter_context(cluster(shares, tmp_path))
        sweeps = {name: opened.enter_context(connected(address, lambda *_: None)) for name in names}
        for number, (name, workers) in itertools.product(range(4), sweeps.items()):
            workers.submit(Uses(tmp_path / "notes", kills=number == 3), number, f"job {number}", name)
        for workers in sweeps.values():
            while workers:
                _, (made,) = workers.finished()
                assert made.status is Status.PASS, made.reason
    spans = sorted(tuple(map(float, line.split())) for line in (tmp_path / "notes").read_text().splitlines())
    assert len(spans) >= 8  # a result that only the killed worker had is made again
    assert len({process for _, _, process in spans}) > 1
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(spans))


def test_another_device_of_the_same_name_does_not_pass_for_that_of_the_start(tmp_path: Path) -> None:
    """As `adb` of another worker is another phone."""
    contents = {"small.onnx": onnx_file(tmp_path / "small.onnx").read_bytes()}
    with open_device("local") as here:
        info = here.probe()
    job = LatencyJob("small.onnx", "small.onnx", contents, "local", info, Wishes(protocol=SHORT), "report.json")
    for status, found in ((Status.PASS, info), (Status.FAIL, replace(info, model="another"))):
        (made,) = replace(job, info=found).run(tmp_path, no_named_step)
        assert made.status is status
    assert made.reason == "local is another device here than at the start of the sweep. One worker has to offer it."
    assert not made.contents


@pytest.mark.parametrize(
    ("name", "canonical"),
    [
        ("ssh://pi@Raspberry.local/", "ssh://pi@raspberry.local:22"),
        ("ssh://pi@[fe80::A]:022", "ssh://pi@fe80::a:22"),
        ("ssh://a:2222", "ssh://a:2222"),
        *((name, name) for name in ("local", "adb", "adb:SERIAL", "emulated:cortex-a76")),
    ],
)
def test_the_name_that_all_spellings_of_a_device_have(name: str, canonical: str) -> None:
    assert canonical_name(name) == canonical
