"""Session options under which ONNX Runtime adds INT8 products exactly, in 32 bits, on every processor as on ARM.

By default, x86 multiplies unsigned activations by signed weights (U8S8); signed activations are made unsigned for it.
Without VNNI or AMX the kernels for that add pairs of products in 16 bits, which saturate (``VPMADDUBSW``): 255 x 127
twice is 64,770, and becomes 32,767. ``benchmarks/x86_saturation.py`` shows it. ARM has no such kernels.

Source: ``onnxruntime_session_options_config_keys.h``, ``core/optimizer/qdq_transformer/avx2_weight_s8_to_u8.cc``.
"""

from collections.abc import Iterator

import onnx
from onnx import TensorProto

# Signed activations stay signed; the S8S8 kernels of x86 are plain C++, half as fast, and exact.
_SIGNED = {"session.qdqisint8allowed": "1"}
# Signed weights become unsigned; the U8U8 kernels of x86 add in 32 bits. Graphs with signed activations do not load
# with it (onnxruntime 1.32: "Attempt to replace the existing tensor", no S8U8 kernel for QGemm).
_UNSIGNED = {"session.x64quantprecision": "1"}

_QUANTISED = {"QLinearConv", "QLinearMatMul", "QGemm"}


def exact_sums(model: onnx.ModelProto) -> dict[str, str]:
    """Options by name, chosen by the type of the model's quantised activations; none for a float model.

    A model with both types, which no quantiser of ONNX Runtime writes, gets those for signed activations.
    """
    types = set(_activation_types(model.graph))
    if TensorProto.INT8 in types:
        return dict(_SIGNED)
    return dict(_UNSIGNED) if TensorProto.UINT8 in types else {}


def _activation_types(graph: onnx.GraphProto) -> Iterator[int]:
    constants = {constant.name: constant.data_type for constant in graph.initializer}
    for node in graph.node:
        if node.op_type.startswith("DynamicQuantize"):
            yield TensorProto.UINT8
        elif node.op_type in _QUANTISED or (node.op_type == "QuantizeLinear" and node.input[0] not in constants):
            asked = [attribute.i for attribute in node.attribute if attribute.name == "output_dtype"]
            zero_point = constants.get(node.input[2]) if len(node.input) > 2 else None
            yield zero_point or next(iter(asked), 0) or TensorProto.UINT8
