"""Float ONNX model -> float16 weights and arithmetic, float32 input and output."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST, convert_float_to_float16

# ONNX Runtime's CPU kernels for these convert each value alone: 47 to 115 instructions per element, and 8 to 23 in
# float32 with the conversions around (1.32 on an emulated Cortex-A76, benchmarks/float16_operators.py). Gemm takes 50
# for each product of MobileNetV2's classifier.
_IN_FLOAT32 = (
    "Add",
    "Sub",
    "Mul",
    "Div",
    "Elu",
    "Gemm",
    "HardSigmoid",
    "HardSwish",
    "LayerNormalization",
    "PRelu",
    "Softmax",
)


def to_float16(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with float16 weights and arithmetic; its input and output stay float32, and so do operators that are
    slow in float16, between conversions."""
    makers = {name: node.op_type for node in model.graph.node for name in node.output}
    # One behind a convolution becomes a part of it.
    clips = [node.name for node in model.graph.node if node.op_type == "Clip" and makers.get(node.input[0]) != "Conv"]
    converted: onnx.ModelProto = convert_float_to_float16(
        model,
        keep_io_types=True,
        op_block_list=[*DEFAULT_OP_BLOCK_LIST, *_IN_FLOAT32],
        node_block_list=clips,
    )
    _stay_in_float32(converted.graph)
    _store_in_float16(converted.graph)
    return converted


def _stay_in_float32(graph: onnx.GraphProto) -> None:
    """Leave out the converter's conversions to float16 and back between operators that stay float32, in place."""
    narrowed = {node.output[0]: node.input[0] for node in graph.node if node.name.endswith("_cast_to_fp16_node")}
    widened = {
        node.output[0]: narrowed[node.input[0]]
        for node in graph.node
        if node.name.endswith("_cast_to_fp32_node") and node.input[0] in narrowed
    }
    for node in graph.node:
        for place, name in enumerate(node.input):
            node.input[place] = widened.get(name, name)
    for conversions in (widened, narrowed):
        read = {name for node in graph.node for name in node.input} | {output.name for output in graph.output}
        for node in [one for one in graph.node if one.output[0] in conversions.keys() - read]:
            graph.node.remove(node)


def _store_in_float16(graph: onnx.GraphProto) -> None:
    """Store the weights of operators that stay float32 in float16, in place; ONNX Runtime widens them when it loads."""
    for weight in [one for one in graph.initializer if one.data_type == TensorProto.FLOAT]:
        value = numpy_helper.to_array(weight)
        if value.ndim < 2 or np.abs(value).max(initial=0) > np.finfo(np.float16).max:
            continue
        stored = f"{weight.name}_float16"
        graph.initializer.append(numpy_helper.from_array(value.astype(np.float16), stored))
        graph.initializer.remove(weight)
        widen = helper.make_node("Cast", [stored], [weight.name], name=f"{weight.name}_Cast", to=TensorProto.FLOAT)
        graph.node.insert(0, widen)


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
