"""``ca-deploy doctor`` and ``ca-deploy list devices``: what is there, what is missing, and what to do about it."""

import json
import os
import shlex
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ca_deploy.cli import app
from tests.system_tools import unavailable


def test_doctor_names_what_is_missing_with_a_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CA_DEPLOY_CACHE", str(tmp_path / "cache"))
    done = CliRunner().invoke(app, ["doctor", "--json"])
    assert done.exit_code == 0
    checks = {check["name"]: check for check in json.loads(done.stdout)}
    assert checks["runner for aarch64"]["status"] == checks["loader for aarch64"]["status"] == "ok"
    assert checks["litert library"]["status"] == "later"
    assert (checks["adb"]["status"], checks["ssh"]["status"]) == ("missing", "missing")
    assert "apt install adb" in checks["adb"]["remedy"]
    assert checks["emulated processors"]["status"] == "missing"
    assert all(check["remedy"] for check in checks.values() if check["status"] == "missing")
    table = CliRunner().invoke(app, ["doctor"]).stdout
    assert "emulated processors" in table
    assert "apt install openssh-client" in table


def test_hosts_of_the_ssh_configuration_are_listed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ssh = shutil.which("ssh")
    if ssh is None:
        unavailable("there is no ssh here: apt install openssh-client")
    config, wrapper = tmp_path / "config", tmp_path / "ssh"  # ssh itself looks in the account's home, whatever HOME is
    config.write_text("Host pi5 attic\n  User pi\nHost *.example.org\nhost pi5\n")
    wrapper.write_text(f'#!/bin/sh\nexec {shlex.quote(ssh)} -F {shlex.quote(str(config))} "$@"\n')
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    done = CliRunner().invoke(app, ["list", "devices", "--json"])
    states = {device["name"]: device["state"] for device in json.loads(done.stdout)}
    assert states["local"] == "ready"
    assert {name for name in states if name.startswith("ssh://")} == {"ssh://pi5", "ssh://attic"}
    assert states["ssh://pi5"] == "not contacted"
    table = CliRunner().invoke(app, ["list", "devices"]).stdout
    assert "emulated:cortex-a76" in table


def test_the_bundle_is_written(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["doctor", "--make-bundle", str(tmp_path / "arm.zip")])
    assert done.exit_code == 0
    assert (tmp_path / "arm.zip").stat().st_size > 5_000_000
    done = CliRunner().invoke(app, ["doctor", "--make-bundle", str(tmp_path / "arm.zip" / "below")])
    assert done.exit_code == 2
