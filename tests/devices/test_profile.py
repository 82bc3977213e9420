"""Profiling a phone and a Raspberry Pi, from the command line to what their ARM kernels compute.

Both are emulated, so their times mean nothing; all else is as on real ones.
"""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ca_deploy.cli import app
from tests.devices.machines import Machine
from tests.latency.models import tflite_file


@pytest.mark.parametrize("device", ["emulated_phone", "emulated_pi"])
def test_profile_end_to_end(
    device: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine: Machine = request.getfixturevalue(device)
    monkeypatch.setenv("PATH", machine.path_variable())
    file = tflite_file(tmp_path / "small.tflite")
    brief = ["--runs", "5", "--min-seconds", "0", "--starts", "1", "--verify", "--ops", "--json"]
    done = CliRunner().invoke(app, ["profile", str(file), "--device", machine.name, *brief])
    assert done.exit_code == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["device"]["architecture"] == "aarch64"
    assert report["before"]["memory_available_kb"] > 0
    (found,) = report["measurements"]
    assert found["verification"]["status"] == "pass"
    assert found["engine"]["runner"] == "c"
    assert found["statistics"]["n"] == 5
    assert "features.1.attention" in [row["name"] for row in found["operators"]["by_module"]]
