"""Session options with which ONNX Runtime accumulates INT8 products exactly, in 32 bits, on every processor.

By default, x86 multiplies unsigned activations by signed weights (U8S8), and converts signed activations to unsigned.
Without VNNI or AMX, those kernels add pairs of products in 16 bits, which saturate (``VPMADDUBSW``): twice 255 x 127 is
64,770, but becomes 32,767. ``benchmarks/x86_saturation.py`` measures it. ARM has no such kernels.

Source: ``onnxruntime_session_options_config_keys.h``, ``core/optimizer/qdq_transformer/avx2_weight_s8_to_u8.cc``.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# Signed activations stay signed; the S8S8 kernels for x86 are plain C++: exact, and half as fast.
_SIGNED = {"session.qdqisint8allowed": "1"}
# Signed weights become unsigned; the U8U8 kernels for x86 add in 32 bits. Most graphs with signed activations do not
# load with it (onnxruntime 1.32: "Attempt to replace the existing tensor", no S8U8 kernel for QGemm).
_UNSIGNED = {"session.x64quantprecision": "1"}

# Operators whose first input is a quantised activation, with the index of its zero point among the inputs.
_QUANTISED = {
    **dict.fromkeys(("QLinearConv", "QLinearMatMul", "QGemm", "MatMulInteger", "ConvInteger"), 2),
    **{"MatMulIntegerToFloat": 4, "DynamicQuantizeMatMul": None, "DynamicQuantizeLSTM": None},
}


def exact_sums(model: onnx.ModelProto) -> tuple[dict[str, str], ...]:
    """Sets of options to try in order, for the types of the model's quantised activations; none for a float model.

    A model with both types may load with none of them: then its sums are not exact.
    """
    types = set(_activation_types(model.graph.node, _initialisers(model.graph), _inputs(model.graph)))
    types.update(kind for function in model.functions for kind in _activation_types(function.node, {}, {}))
    if types >= {TensorProto.INT8, TensorProto.UINT8}:
        return ({**_SIGNED, **_UNSIGNED}, dict(_UNSIGNED))
    if TensorProto.INT8 in types:
        return (dict(_SIGNED),)
    return (dict(_UNSIGNED),) if TensorProto.UINT8 in types else ()


@cache
def default_saturates() -> bool:
    """Whether this processor's default kernels saturate, found by one matrix product whose sums are known."""
    import onnxruntime as ort

    length = 64
    weight = numpy_helper.from_array(np.full((length, 16), 127, np.int8), "weight")
    node = helper.make_node("MatMulInteger", ["image", "weight"], ["sums"])
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, [4, length])
    sums = helper.make_tensor_value_info("sums", TensorProto.INT32, [4, 16])
    graph = helper.make_graph([node], "probe", [image], [sums], [weight])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"image": np.full((4, length), 255, np.uint8)})
    return bool((found != 255 * 127 * length).any())


def _activation_types(
    nodes: Iterable[onnx.NodeProto], constants: Mapping[str, int], types: Mapping[str, int]
) -> Iterator[int]:
    """The types of the quantised activations among ``nodes``; a tensor computed from ``constants`` alone is a weight.

    ``constants`` and ``types`` (of other known tensors) map a tensor's name to its element type.
    """
    constants, types = dict(constants), dict(types)
    for node in nodes:
        attributes = {attribute.name: attribute for attribute in node.attribute}
        for attribute in node.attribute:
            for graph in (attribute.g, *attribute.graphs):
                yield from _activation_types(
                    graph.node, {**constants, **_initialisers(graph)}, {**types, **_inputs(graph)}
                )
        if node.op_type == "Constant":
            constants[node.output[0]] = attributes["value"].t.data_type if "value" in attributes else 0
        elif node.input and all(name in constants for name in node.input if name):
            constants.update(dict.fromkeys(node.output, constants[node.input[0]]))
        elif node.op_type == "Cast":
            types[node.output[0]] = attributes["to"].i
        elif node.op_type in ("QuantizeLinear", "DynamicQuantizeLinear"):
            asked = attributes["output_dtype"].i if "output_dtype" in attributes else 0
            types[node.output[0]] = _at(node, 2, constants) or asked or TensorProto.UINT8
            yield types[node.output[0]]
        elif node.op_type == "DequantizeLinear":  # for models with integer inputs
            yield types.get(node.input[0], 0)
        elif node.op_type in _QUANTISED:
            place = _QUANTISED[node.op_type]
            known = (_at(node, place, constants) or types.get(node.input[0])) if place else None
            yield known or TensorProto.UINT8


def _at(node: onnx.NodeProto, place: int, constants: Mapping[str, int]) -> int | None:
    return constants.get(node.input[place]) if len(node.input) > place else None


def _initialisers(graph: onnx.GraphProto) -> dict[str, int]:
    return {constant.name: constant.data_type for constant in graph.initializer}


def _inputs(graph: onnx.GraphProto) -> dict[str, int]:
    return {value.name: value.type.tensor_type.elem_type for value in graph.input}
