"""Give a model a camera's input: uint8 RGB, 0..255."""

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from ca_deploy.graphs import flatbuffer

# The quantisation range of the input: scale 1, zero point -128.
RGB_RANGE = {"min": np.array([0], np.float32), "max": np.array([255], np.float32)}


def take_uint8(model: Any) -> None:
    """Change the input in place to uint8, from 0..255 in float32, or in int8 with the range :data:`RGB_RANGE`.

    An int8 model gets a QUANTIZE after the input, which only flips the top bit, a float one a DEQUANTIZE.
    """
    graph = model.subgraphs[0]
    old_index = graph.inputs[0]
    old = graph.tensors[old_index]
    quantisation = schema.QuantizationParametersT()
    quantisation.scale, quantisation.zeroPoint = [1.0], [0]
    new = schema.TensorT()
    new.name, new.shape, new.type, new.quantization = b"camera", old.shape, schema.TensorType.UINT8, quantisation
    new.buffer = 0
    graph.tensors.append(new)
    kind, version = ("QUANTIZE", 2) if old.type == schema.TensorType.INT8 else ("DEQUANTIZE", 1)
    graph.operators.insert(
        0, flatbuffer.new_operator(model, kind, [len(graph.tensors) - 1], [old_index], version=version)
    )
    graph.inputs = [len(graph.tensors) - 1]
