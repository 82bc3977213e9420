"""A new kind of device is one module in the folder: every verb finds it there."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ca_deploy import devices
from ca_deploy.cli import app
from tests.latency.models import tflite_file

MODULE = """
import sys

from ca_deploy.devices import DeviceKind
from ca_deploy.devices._here import Here
from ca_deploy.devices.local import Local
from ca_deploy.records.devices import Check, DeviceSummary


class Bench(Local):
    is_this_machine = False


def _open(rest, keep):
    return Bench(f"bench:{rest}", keep)


def _discover():
    return [DeviceSummary("bench:1", "ready", "on the desk")]


def _requirements():
    return [Check("bench power", "missing", "for benches", "Switch it on.")]


KIND = DeviceKind("bench", "bench:NUMBER", "a bench", _open, _discover, _requirements)
"""


def run(*arguments: str) -> object:
    done = CliRunner().invoke(app, [*arguments, "--json"])
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def test_list_doctor_and_profile_find_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bench.py").write_text(MODULE)
    monkeypatch.setattr(devices, "__path__", [*devices.__path__, str(tmp_path)])
    listed, needs = run("list", "devices"), run("doctor")
    assert isinstance(listed, list)
    assert isinstance(needs, list)
    assert {"name": "bench:1", "state": "ready", "detail": "on the desk", "remedy": ""} in listed
    assert {"name": "bench power", "status": "missing", "detail": "for benches", "remedy": "Switch it on."} in needs
    file = tflite_file(tmp_path / "small.tflite")
    brief = ("--runs", "5", "--min-seconds", "0", "--starts", "1", "--runner", "python")
    report = run("profile", str(file), "--device", "bench:1", *brief)
    assert isinstance(report, dict)
    assert report["device"]["name"] == "bench:1"
    assert report["measurements"][0]["engine"]["runner"] == "python"
