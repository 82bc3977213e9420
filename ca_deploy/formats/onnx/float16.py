"""Float ONNX model -> float16 weights and arithmetic, float32 at both ends."""

import onnx
from onnxruntime.transformers.float16 import convert_float_to_float16


def to_float16(model: onnx.ModelProto) -> onnx.ModelProto:
    """Halve the weights and compute in float16; the input and the output stay as they are."""
    converted: onnx.ModelProto = convert_float_to_float16(model, keep_io_types=True)
    return converted
