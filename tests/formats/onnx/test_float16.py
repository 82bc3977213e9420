"""Files whose weights are float16."""

import onnx
from onnx import TensorProto

from tests.formats.onnx.kit import (
    Export,
)


def test_float16_keeps_float32_at_both_ends(exported: Export) -> None:
    converted, path = exported("onnx_float16")
    assert (converted.inputs[0].dtype, converted.outputs[0].dtype) == ("float32", "float32")
    weights = [c for c in onnx.load(path).graph.initializer if c.name.endswith("weight")]
    assert {weight.data_type for weight in weights} == {TensorProto.FLOAT16}
