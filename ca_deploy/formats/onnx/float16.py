"""Float ONNX model -> float16 weights and arithmetic, float32 input and output."""

import onnx
from onnxruntime.transformers.float16 import convert_float_to_float16


def to_float16(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with float16 weights and arithmetic; its input and output stay float32."""
    converted: onnx.ModelProto = convert_float_to_float16(model, keep_io_types=True)
    return converted
