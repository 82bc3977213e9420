"""``ca-deploy profile`` as it is typed."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ca_deploy.cli import app
from ca_deploy.latency import session
from ca_deploy.records.devices import Conditions
from ca_deploy.records.latency import read_report
from tests.latency.models import onnx_file, tflite_file
from tests.latency.stand_in import StandIn
from tests.system_tools import unavailable

BRIEF = ["--runs", "5", "--min-seconds", "0", "--starts", "2"]


def run(*arguments: str | Path) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["profile", *map(str, arguments)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return onnx_file(tmp_path_factory.mktemp("model") / "small.onnx")


def test_a_table_with_a_verdict(small: Path) -> None:
    code, said, _ = run(small, *BRIEF)
    assert code == 0
    assert "small.onnx" in said
    assert "invalid: too few runs: 10" in said


def test_json_and_comparing_two_reports(small: Path, tmp_path: Path) -> None:
    code, said, _ = run(small, *BRIEF, "--output", tmp_path / "a", "--json")
    assert code == 0
    report = json.loads(said)
    assert report["measurements"][0]["statistics"]["n"] == 10
    before, after = tmp_path / "a" / "latency.json", tmp_path / "b.json"
    for start in report["measurements"][0]["starts"]:
        start["invoke_ns"] = [10 * ns for ns in start["invoke_ns"]]
    after.write_text(json.dumps(report))
    assert run("--compare", before, before, "--threshold", "5")[0] == 0
    code, said, _ = run("--compare", before, after, "--threshold", "5")
    assert code == 1
    assert "regression" in said
    code, said, _ = run("--compare", before, after, "--threshold", "2000", "--json")
    assert code == 0
    assert json.loads(said)["changes"][0]["ratio"] == pytest.approx(10, rel=0.01)


def test_an_emulated_device_reports_instructions_and_no_time(small: Path, tmp_path: Path) -> None:
    from ca_deploy.native import emulator

    if reason := emulator.missing():
        unavailable(reason)
    file = tflite_file(tmp_path / "small.tflite")
    counts = []
    for cpu in ("cortex-a53", "cortex-a76", "cortex-a76"):
        code, said, _ = run(file, "--device", f"emulated:{cpu}", "--verify", "--json")
        assert code == 0
        (found,) = json.loads(said)["measurements"]
        assert found["verification"]["status"] == "pass"
        assert found["statistics"] is None
        assert not found["starts"]
        counts.append(found["instructions"])
    assert counts[1] == counts[2]
    assert counts[0]["total"] > counts[0]["simd"] > 0
    code, said, steps = run(file, small, "--device", "emulated:cortex-a76")
    assert code == 0
    assert "preparing emulated:cortex-a76" in steps
    assert "ranking by instructions, which are not time" in said
    assert "onnxruntime" in said
    assert not re.search(r"\d ?ms\b", said)


def test_several_files_are_ranked_and_a_busy_machine_is_said_once(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy = Conditions(0, (2_400_000,) * 2, ("performance",) * 2, 40.0, 0, load_1min=3.0)
    monkeypatch.setattr(StandIn, "conditions", lambda device: busy)
    monkeypatch.setattr(session, "open_device", lambda name, keep: StandIn(tmp_path))
    other = onnx_file(tmp_path / "other.onnx", side=64)
    code, said, _ = run(small, other, *BRIEF, "--runner", "python")
    assert code == 0
    assert "ranking by median" in said
    assert said.count("other programs were running: load 3.0") == 1


def test_what_was_measured_is_shown_before_the_failure(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "open_device", lambda name, keep: StandIn(tmp_path, ends_at=2))
    code, said, complaint = run(small, *BRIEF, "--output", tmp_path / "out")
    assert code == 2
    assert "small.onnx" in said
    assert "the phone is gone" in complaint
    assert str(tmp_path / "out") in complaint


def test_ctrl_c_keeps_what_was_measured(small: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ca_deploy.cli", "profile", str(small), "--output", str(tmp_path)]
    running = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    assert running.stderr is not None
    for line in running.stderr:
        if b"round 2" in line:
            break
    running.send_signal(signal.SIGINT)
    table, complaint = running.communicate(timeout=120)
    assert running.returncode == 130, complaint
    assert b"small.onnx" in table
    assert str(tmp_path).encode() in complaint
    report = read_report(tmp_path / "latency.json")
    assert report.failures == {"local": "interrupted"}
    assert len(report.measurements[0].starts) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Nothing to measure"),
        (["{small}", "--device", "telepathy"], "Unknown device"),
        (["{small}", "--device", "emulated:cortex-m4"], "cortex-a"),
        (["missing.onnx"], "missing.onnx does not exist"),
        (["{text}"], "cannot be measured on a device"),
        (["{small}", "--runtime", "litert"], "does not run small.onnx"),
        (["{small}", "--threads", "4096"], "--threads 4096 is more than"),
        (["{small}", "--threads", "two"], "is not a number"),
        (["{small}", "--protocol", "quick", "--runs", "7"], "contradicts"),
        (["{small}", "--protocol", "slow"], "Unknown protocol"),
        (["{small}", "--affinity", "red"], "has to be big, little"),
        (["{small}", "--device", "emulated:cortex-a76", "--runner", "python"], "needs a Python"),
        (["{small}", "--output", "{text}"], "is not a folder"),
        (["{small}", "--bundle", "missing.tar"], "missing.tar does not exist"),
        (["{small}", "--compare", "a.json", "b.json"], "leave the model files out"),
        (["--compare", "a.json", "b.json"], "a.json does not exist"),
        (["--compare", "a.json", "b.json", "--minutes", "3"], "--compare measures nothing: leave out --minutes."),
        (["--protocol", "sustained", "--compare", "a.json", "b.json", "--ops"], "leave out --protocol, --ops."),
    ],
)
def test_bad_input(
    arguments: list[str], said: str, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = tmp_path / "notes.txt"
    text.touch()
    code, _, complaint = run(*(word.format(small=small, text=text) for word in arguments))
    assert code == 2
    assert said in " ".join(complaint.split())
