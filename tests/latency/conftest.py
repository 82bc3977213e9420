"""Two small model files, and one report on both with everything that can be asked for."""

from pathlib import Path

import pytest

from ca_deploy.latency.jobs import Wishes
from ca_deploy.latency.session import profile_on
from ca_deploy.records.latency import LatencyReport
from tests.latency.kit import SHORT
from tests.latency.models import onnx_file, tflite_file


@pytest.fixture(scope="package")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("models")
    # Large enough for operators that take microseconds, in which profilers count.
    return tflite_file(folder / "small.tflite", side=128), onnx_file(folder / "small.onnx", side=128)


@pytest.fixture(scope="package")
def measured(files: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[LatencyReport, Path]:
    """Both files on this machine, with everything that can be asked for, written to a folder."""
    output = tmp_path_factory.mktemp("report")
    wishes = Wishes(protocol=SHORT, operators=True, verify=True, output=output, command_line=("ca-deploy", "profile"))
    return profile_on("local", files, wishes), output
