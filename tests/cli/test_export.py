"""The verb export ends with an exit code that says how, and when interrupted leaves nothing behind."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.pipeline.kit import TINY


def test_a_missed_tolerance_keeps_the_file_and_exits_with_1(tmp_path: Path) -> None:
    recipe = tmp_path / "strict.toml"
    recipe.write_text(
        'description = "impossible"\nformat = "onnx"\nmode = "static"\nopset = 18\nweight_bits = 8\n'
        "activation_bits = 8\n[tolerances]\nsqnr_db = 90\nagreement_percent = 97\n"
    )
    command = [sys.executable, "-m", "ca_deploy.cli", "export", TINY.model, "--recipe", str(recipe), "--json"]
    done = subprocess.run([*command, "--input-size", "32", "--output", str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    (report,) = json.loads(done.stdout)
    assert report["status"] == "fail"
    assert report["sqnr_db"] < 90
    assert (tmp_path / "tiny_trained.strict.onnx").is_file()


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
@pytest.mark.parametrize("moment", ["loading the network", "reading calibration images", "onnx_static_wi8_ai8: "])
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_no_file_and_no_process(tmp_path: Path, moment: str, sent: signal.Signals) -> None:
    marker = f"ca-deploy-test-{os.getpid()}-{time.monotonic_ns()}"
    out = tmp_path / marker
    out.mkdir()
    earlier = out / "tiny_trained.onnx_static_wi8_ai8.log"
    earlier.write_text("of an earlier export")
    command = [sys.executable, "-m", "ca_deploy.cli", "export", TINY.model, "--format", "onnx", "--int8"]
    running = subprocess.Popen(
        [*command, "--input-size", "32", "--output", str(out)], stderr=subprocess.PIPE, text=True
    )
    assert running.stderr is not None
    for line in running.stderr:
        if moment in line:
            break
    running.send_signal(sent)
    said = running.communicate(timeout=120)[1]
    assert running.returncode == 130, said
    assert "Interrupted" in said
    assert {path: path.read_text() for path in out.iterdir()} == {earlier: "of an earlier export"}
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            assert marker not in process.read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
