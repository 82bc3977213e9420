"""ONNX Runtime's CPU provider: files that are quantised in other ways than to 8 bits with scales in the file."""

from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from ca_deploy.compat.check import check
from tests.onnx_models import onnx_file


def test_16_bit_activations_run_in_float_and_the_advice_is_not_to_quantise_them(tmp_path: Path) -> None:
    constants = [
        numpy_helper.from_array(np.ones((8, 3, 1, 1), np.int8), "w"),
        numpy_helper.from_array(np.float32(0.05), "s"),
        numpy_helper.from_array(np.int8(0), "z"),
        numpy_helper.from_array(np.uint16(9), "z16"),
    ]
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z16"], ["xq"], domain="com.microsoft"),
        helper.make_node("DequantizeLinear", ["xq", "s", "z16"], ["xd"], domain="com.microsoft"),
        helper.make_node("DequantizeLinear", ["w", "s", "z"], ["wd"], domain="com.microsoft"),
        helper.make_node("Conv", ["xd", "wd"], ["c"]),
        helper.make_node("QuantizeLinear", ["c", "s", "z16"], ["cq"], domain="com.microsoft"),
        helper.make_node("DequantizeLinear", ["cq", "s", "z16"], ["y"], domain="com.microsoft"),
    ]
    path = onnx_file(tmp_path / "model.onnx", nodes, [1, 3, 8, 8], initializer=constants)
    (report,) = check(path, ["ort_cpu"])
    assert report.multiply_adds == 8 * 8 * 8 * 3 and report.accelerated_multiply_adds_percent == 0
    found = {finding.operator: finding for finding in report.findings}
    assert found["Conv"].verdict == "float in an INT8 model" and "16-bit" in found["Conv"].reason
    assert all("8 bits" in finding.remedy for finding in report.findings)


def test_dynamic_quantisation_leaves_the_rest_in_float_on_purpose(tmp_path: Path) -> None:
    weights = [
        numpy_helper.from_array(np.ones((8, 3, 1, 1), np.int8), "w"),
        numpy_helper.from_array(np.int8(0), "z"),
    ]
    nodes = [
        helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "s", "zq"]),
        helper.make_node("ConvInteger", ["q", "w", "zq", "z"], ["c"]),
        helper.make_node("Cast", ["c"], ["f"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["f", "s"], ["m"]),
        helper.make_node("Sigmoid", ["m"], ["y"]),
    ]
    path = onnx_file(tmp_path / "model.onnx", nodes, [1, 3, 8, 8], initializer=weights)
    (report,) = check(path, ["ort_cpu"])
    assert not report.findings and report.accelerated_nodes == 5
    assert any("Quantised dynamically" in note for note in report.notes)
