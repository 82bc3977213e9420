"""From flags to a report on disk: contradictions, and a device that vanishes."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from ca_deploy.errors import CaDeployError, DeviceError
from ca_deploy.latency import session
from ca_deploy.latency.jobs import Wishes
from ca_deploy.latency.profile import profile
from ca_deploy.latency.session import profile_on
from ca_deploy.records.latency import read_report
from tests.latency.kit import PYTHON
from tests.latency.stand_in import StandIn


@pytest.mark.parametrize(
    ("ending", "said"), [(DeviceError("the phone is gone"), "the phone is gone"), (KeyboardInterrupt(), "interrupted")]
)
def test_a_device_that_vanishes_or_ctrl_c_leaves_what_was_measured(
    files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: BaseException, said: str
) -> None:
    monkeypatch.setattr(session, "open_device", lambda name, keep: StandIn(tmp_path, ends_at=4, ending=ending))
    report = profile_on("local", files, replace(PYTHON, output=tmp_path / "out"))
    assert report.failures == {"local": said}
    assert sum(len(found.starts) for found in report.measurements) == 3
    assert read_report(tmp_path / "out" / session.REPORT_FILE).failures == report.failures
    with pytest.raises(type(ending)) as raised:
        profile(files, StandIn(tmp_path, ends_at=1, ending=ending), PYTHON)
    assert raised.value is ending


def test_a_nearly_full_disk_takes_the_report(
    files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=3 * 2**20))
    monkeypatch.setattr(session, "open_device", lambda name, keep: StandIn(tmp_path))
    report = profile_on("local", files, replace(PYTHON, output=tmp_path / "out"))
    assert read_report(tmp_path / "out" / session.REPORT_FILE).measurements == report.measurements


def test_flags_that_contradict_each_other() -> None:
    contradictions: list[Callable[[], Wishes]] = [
        lambda: session.wishes(protocol="quick", runs=5),
        lambda: session.wishes(protocol="fast"),
        lambda: session.wishes(threads="1,x"),
        lambda: session.wishes(threads="0"),
        lambda: session.wishes(runner="rust"),
        lambda: session.wishes(runtime="tensorrt"),
        lambda: session.wishes(benchmark_binary=Path(__file__), operators=True),
        lambda: session.wishes(benchmark_binary=Path("/no/such/program")),
        lambda: session.wishes(min_seconds=1000.0),
        lambda: session.wishes(protocol="sustained", runs=5),
        lambda: session.wishes(protocol="sustained", minutes=1),
        lambda: session.wishes(protocol="standard", minutes=5),
        lambda: session.wishes(minutes=5),
        lambda: session.wishes(protocol="sustained", benchmark_binary=Path(__file__)),
    ]
    for contradiction in contradictions:
        with pytest.raises(CaDeployError):
            contradiction()
