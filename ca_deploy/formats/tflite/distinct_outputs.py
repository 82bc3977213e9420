"""A tensor that the network returns twice, as two tensors: a file knows each of its outputs by one name."""

import copy
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from ca_deploy.graphs import flatbuffer


def distinct_outputs(model: Any) -> int:
    """Give every further return of a tensor a RESHAPE to its own shape, in place; exact. Returns their number."""
    graph = model.subgraphs[0]
    outputs = list(graph.outputs)
    again = [place for place, index in enumerate(outputs) if index in outputs[:place] or index in graph.inputs]
    for place in again:
        outputs[place] = _reshaped(model, outputs[place])
    graph.outputs = outputs
    return len(again)


def _reshaped(model: Any, index: int) -> int:
    graph = model.subgraphs[0]
    sides = [int(side) for side in graph.tensors[index].shape]
    shape, result, buffer = schema.TensorT(), copy.deepcopy(graph.tensors[index]), schema.BufferT()
    buffer.data = np.frombuffer(np.asarray(sides, np.int32).tobytes(), np.uint8)
    model.buffers += [buffer, schema.BufferT()]
    number = len(graph.tensors)
    shape.name, shape.type, shape.shape = f"shape_{number}".encode(), schema.TensorType.INT32, [len(sides)]
    shape.buffer, result.buffer = len(model.buffers) - 2, len(model.buffers) - 1
    result.name = result.name + f"_again_{number}".encode()
    graph.tensors += [shape, result]
    options = schema.ReshapeOptionsT(newShape=sides)
    graph.operators.append(flatbuffer.new_operator(model, "RESHAPE", [index, number], [number + 1], options))
    return number + 1
