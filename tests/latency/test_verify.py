"""A device's outputs against this machine's."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import onnx
from onnx import helper

from ca_deploy.latency.profile import profile
from ca_deploy.latency.runner_output import RunnerOutput, TensorOnDevice
from ca_deploy.latency.verify import judge, verify
from ca_deploy.records.latency import LatencyReport, MeasuringProtocol
from tests.latency.kit import PYTHON
from tests.latency.stand_in import StandIn
from tests.onnx_models import onnx_file


def test_the_same_machine_gives_the_same_outputs(measured: tuple[LatencyReport, Path]) -> None:
    for found in measured[0].measurements:
        assert found.verification is not None
        assert found.verification.status == "pass"
    assert {path.suffix for path in measured[1].iterdir()} == {".json", ".svg", ".png", ".npz"}


def test_a_file_that_is_not_its_manifests_keeps_its_times(files: tuple[Path, Path], tmp_path: Path) -> None:
    copy = tmp_path / "copy.onnx"
    copy.write_bytes(files[1].read_bytes())
    copy.with_suffix(".json").write_text('{"schema_version": 99}')
    quick = MeasuringProtocol("quick", 1, 0, 0, 5, 0, 1)
    report = profile([copy], StandIn(tmp_path), replace(PYTHON, protocol=quick, verify=True))
    assert "schema version 99" in report.failures[str(copy)]
    assert report.measurements[0].statistics is not None
    assert report.measurements[0].verification is None


def test_different_outputs_fail() -> None:
    here, there = [[np.array([1.0, 2.0])]], [[np.array([1.0, 2.002])]]
    assert judge(here, here, None, "", "").status == "pass"
    assert judge(here, there, None, "", "").status == "fail"
    assert judge(here, there, 60, "", "").status == "pass"
    assert judge(here, there, 80, "", "").status == "fail"
    assert judge(here, [[np.array([1.0, np.nan])]], 20, "", "").status == "fail"


def test_the_option_is_named_where_a_device_adds_otherwise(tmp_path: Path) -> None:
    """Like x86 without VNNI under ONNX Runtime's default settings, which answers an INT8 file differently."""
    from tests.runtimes.test_exact_sums import MODELS, model

    onnx.save(model(MODELS["S8 activations"][0]), tmp_path / "model.onnx")
    said = Mock(outputs=(TensorOnDevice("y", "float32", (4, 8)),))

    def run_there(inputs: object, folder: Path) -> tuple[RunnerOutput, list[Path]]:
        (folder / "answer.bin").write_bytes(np.ones((4, 8), np.float32).tobytes())
        return said, [folder / "answer.bin"]

    found = verify(tmp_path / "model.onnx", run_there)
    assert found.status == "fail"
    assert "an x86 device without VNNI needs the option session.qdqisint8allowed = 1" in found.reason


def test_each_output_is_judged_by_itself() -> None:
    """A dead output beside one in the hundreds."""
    boxes, scores = np.full((1, 50), 640.0), np.linspace(0, 1, 50)[None]
    assert judge([[boxes, scores]], [[boxes, scores]], 40, "", "").status == "pass"
    assert judge([[boxes, scores]], [[boxes, scores * 0]], 40, "", "").status == "fail"


def test_a_scalar_is_compared_as_one(tmp_path: Path) -> None:
    model = onnx_file(tmp_path / "scalar.onnx", [helper.make_node("Neg", ["x"], ["y"])], [])

    def run_there(inputs: Sequence[Path], folder: Path) -> tuple[RunnerOutput, list[Path]]:
        (folder / "answer.bin").write_bytes((-np.frombuffer(inputs[0].read_bytes(), np.float32)).tobytes())
        return Mock(outputs=(TensorOnDevice("y", "float32", ()),)), [folder / "answer.bin"]

    assert verify(model, run_there).bit_exact
