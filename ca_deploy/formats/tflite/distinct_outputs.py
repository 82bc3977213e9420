"""A tensor that the network returns twice, as two tensors: a file knows each of its outputs by one name."""

import copy
from typing import Any

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
    result = copy.deepcopy(graph.tensors[index])
    model.buffers.append(schema.BufferT())
    result.buffer = len(model.buffers) - 1
    result.name = result.name + f"_again_{len(graph.tensors)}".encode()
    graph.tensors.append(result)
    number = len(graph.tensors) - 1
    graph.operators.append(flatbuffer.reshape(model, index, number))
    return number
