"""SWEEP.toml: which devices may be named together, and where they hang."""

from pathlib import Path

import pytest

from ca_deploy.api import preflight
from ca_deploy.errors import UsageError
from ca_deploy.sweeps.plan import planned
from tests.sweeps.kit import TINY, plan_of, refused, sweep_file


def test_a_phone_that_hangs_elsewhere_needs_no_adb_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PATH", "ANDROID_HOME", "ANDROID_SDK_ROOT"):
        monkeypatch.setenv(name, str(tmp_path))
    path = sweep_file(tmp_path, TINY, head='devices = ["adb", "ssh://pi@raspberrypi.local"]')
    checks = preflight.source_checks, preflight.check_calibration, preflight.check_data
    assert planned(path, tmp_path / "out", *checks, elsewhere=True).devices == ("adb", "ssh://pi@raspberrypi.local")
    refused(path, "devices.0: adb is not installed", "devices.1: ssh is not installed")
    path.write_text(path.read_text().replace('"adb"', '"phone"'))
    with pytest.raises(UsageError, match="Unknown device 'phone'"):
        planned(path, tmp_path / "out", *checks, elsewhere=True)


@pytest.mark.parametrize("other", ["ssh://pi@a:22", "ssh://pi@A", "ssh://pi@a/"])
def test_two_spellings_of_one_device_are_one_device(other: str, tmp_path: Path) -> None:
    path = sweep_file(tmp_path, TINY, head=f'devices = ["ssh://pi@a", "{other}", "ssh://pi@a:2222", "ssh://root@a"]')
    checks = preflight.source_checks, preflight.check_calibration, preflight.check_data
    with pytest.raises(
        UsageError, match=r"has 1 error.*\n.*devices: two are called ssh://pi@a:22. Name each device once"
    ):
        planned(path, tmp_path / "out", *checks, elsewhere=True)


def test_two_devices_of_one_name_would_be_one_report(tmp_path: Path) -> None:
    path = sweep_file(tmp_path, TINY, head='devices = ["adb:A/B", "adb:A_B"]')
    with pytest.raises(UsageError, match="two are called adb_A_B"):
        plan_of(path)
