"""Float ONNX model -> float16 weights and arithmetic, float32 input and output."""

import onnx
from onnxruntime.transformers.float16 import convert_float_to_float16


def to_float16(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with float16 weights and arithmetic; its input and output stay float32."""
    converted: onnx.ModelProto = convert_float_to_float16(model, keep_io_types=True)
    return converted


def forget_wrong_types(model: onnx.ModelProto) -> None:
    """Drop recorded types of tensors that are not what the tensors have become, in place; the nodes are in order.

    The converter (onnxruntime 1.32) keeps the scales of Resize in float32, and records them as float16.
    """
    bare = onnx.ModelProto()
    bare.CopyFrom(model)
    del bare.graph.value_info[:]
    inferred = {
        value.name: value.type.tensor_type.elem_type
        for value in onnx.shape_inference.infer_shapes(bare).graph.value_info
    }
    inferred |= {constant.name: constant.data_type for constant in model.graph.initializer}
    right = [
        value
        for value in model.graph.value_info
        if inferred.get(value.name, value.type.tensor_type.elem_type) == value.type.tensor_type.elem_type
    ]
    if len(right) < len(model.graph.value_info):
        del model.graph.value_info[:]
        model.graph.value_info.extend(right)
