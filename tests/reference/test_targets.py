"""The bundled network as a new user exports it, on every target."""

from ca_deploy.compat.check import check
from ca_deploy.pipeline.export import Export
from ca_deploy.records.compat import CompatReport
from ca_deploy.targets import targets_for


def _reports(exports: dict[str, Export], recipe: str) -> dict[str, CompatReport]:
    path = exports[recipe].path
    reports = {report.target: report for report in check(path)}
    assert set(reports) == set(targets_for(path))
    assert not any(report.skipped for report in reports.values())
    for report in reports.values():
        assert all(f.reason and f.source for f in report.findings)
        assert all(f.module or f.node for f in report.findings)
    return reports


def test_tflite(reference_exports: dict[str, Export]) -> None:
    integer = _reports(reference_exports, "tflite_static_wi8_ai8")["xnnpack"]
    assert integer.findings == ()
    assert integer.partitions == integer.measured_partitions == 1
    real = _reports(reference_exports, "tflite_float32")["xnnpack"]
    assert real.findings == () and real.measured_partitions == 1


def test_onnx(reference_exports: dict[str, Export]) -> None:
    integer = _reports(reference_exports, "onnx_static_wi8_ai8")["ort_cpu"]
    stayed = {f.operator for f in integer.findings if f.verdict == "float in an INT8 model"}
    assert stayed == {f.operator for f in reference_exports["onnx_static_wi8_ai8"].manifest.float_operators}
    assert {f.operator for f in integer.findings} - stayed <= {"QuantizeLinear", "DequantizeLinear"}
    assert _reports(reference_exports, "onnx_float32")["ort_cpu"].findings == ()
