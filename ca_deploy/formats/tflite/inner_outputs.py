"""Outputs that the network also goes on with, as logits before their softmax."""

from typing import Any

from ca_deploy.graphs import flatbuffer

_INTEGERS = ("int8", "int16")


def keep_integer_inside(model: Any) -> None:
    """Let integer operators read such a tensor before it is dequantised for the output, in place.

    ai-edge-quantizer 0.10 lets them read the float output, as if it were integers: logits and their softmax had -4 dB,
    and a layer after such an output did not run ("INT8 != FLOAT32").
    """
    graph = model.subgraphs[0]
    dequantised = {
        operator.outputs[0]: operator.inputs[0]
        for operator in graph.operators
        if flatbuffer.operator_name(model, operator) == "DEQUANTIZE" and operator.outputs[0] in graph.outputs
    }
    for operator in graph.operators:
        takes_float = flatbuffer.operator_name(model, operator) in ("DEQUANTIZE", "QUANTIZE")
        if not takes_float and flatbuffer.dtype(model, operator.outputs[0]) in _INTEGERS:
            operator.inputs = [dequantised.get(index, index) for index in operator.inputs]
