"""The clause that every export has on its accelerators is what the verb check finds."""

from pathlib import Path

import pytest

import ca_deploy
from ca_deploy.compat.brief import briefs
from ca_deploy.pipeline.export import Export
from ca_deploy.records.compat import Verdict


@pytest.mark.parametrize("recipe", ["tflite_float32", "tflite_static_wi8_ai8"])
def test_the_pieces_that_xnnpack_takes(exports: dict[str, Export], recipe: str) -> None:
    (said,) = exports[recipe].manifest.acceleration
    (report,) = ca_deploy.check(exports[recipe].path, ["xnnpack"])
    assert said.startswith("XNNPACK takes ")
    assert f" of {len(report.nodes)} operators, in {report.measured_partitions} piece" in said


def test_the_operators_that_onnx_runtime_computes_in_float(exports: dict[str, Export]) -> None:
    (said,) = exports["onnx_static_wi8_ai8"].manifest.acceleration
    (report,) = ca_deploy.check(exports["onnx_static_wi8_ai8"].path, ["ort_cpu"])
    count = sum(finding.verdict == Verdict.FLOAT_IN_INT8 for finding in report.findings)
    assert said.startswith(f"ONNX Runtime computes {count or 'every'} operator")
    assert exports["onnx_float32"].manifest.acceleration == ()


def test_a_target_that_is_checked_anyway_is_left_out(exports: dict[str, Export]) -> None:
    assert briefs(exports["tflite_float32"].path, but=["xnnpack:2.14"]) == ()


def test_a_runtime_that_cannot_answer_is_named(tmp_path: Path) -> None:
    (tmp_path / "net.tflite").write_bytes(b"TFL3" * 30)
    (said,) = briefs(tmp_path / "net.tflite")
    assert said.startswith("xnnpack was not asked (")
