"""Which files can be measured on devices: those of the runtimes that the runners are built for."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ca_deploy.errors import ArtifactError
from ca_deploy.latency.benchmark_binary import _PROGRAMS
from ca_deploy.latency.launch import PYTHON_RUNNER
from ca_deploy.latency.measurable import measurable_runtimes, runtime_of
from ca_deploy.native.libraries import LIBRARIES


def test_what_can_be_measured_has_a_library_and_a_benchmark_program() -> None:
    runtimes = measurable_runtimes()
    assert runtimes.keys() == LIBRARIES.keys()
    assert {runtime.on_device.benchmark for runtime in runtimes.values() if runtime.on_device} == _PROGRAMS.keys()


def test_other_files_are_refused_with_what_can_be_measured(tmp_path: Path) -> None:
    package = tmp_path / "net.mlpackage"
    package.mkdir()
    with pytest.raises(ArtifactError, match=r"net\.mlpackage cannot be measured.*\.tflite \(litert\), \.onnx"):
        runtime_of(package)
    with pytest.raises(ArtifactError, match="does not exist"):
        runtime_of(tmp_path / "missing.tflite")


def test_the_python_runner_names_the_files_that_it_measures() -> None:
    command = [sys.executable, str(PYTHON_RUNNER), "--model", "net.pte"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert "measures .tflite and .onnx files, not net.pte" in json.loads(done.stdout)["error"]
