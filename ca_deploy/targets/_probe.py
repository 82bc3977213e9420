"""One node of a TFLite model as a standalone model: same types, shapes, options, quantisation and constants."""

import math
from collections.abc import Collection
from copy import copy
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from ca_deploy.graphs import ABSENT, Graph, Node, flatbuffer

_INTEGERS = (schema.TensorType.INT8, schema.TensorType.UINT8, schema.TensorType.INT16)
_BIASES = (schema.TensorType.INT32, schema.TensorType.INT64)


def one_node_model(
    model: Any, subgraph: Any, graph: Graph, node: Node, makers: Collection[int], as_float: bool = False
) -> bytes:
    """A node of a subgraph alone, with its activations as inputs; those that unpack its float16 or sparse weights stay.

    ``graph`` is that subgraph.

    Names and positions are dropped, so that equal nodes give equal bytes. ``makers`` is the result of
    :func:`constant_makers`. ``as_float`` replaces all quantised tensors by float32 ones, which shows whether a
    delegate rejects the node for its type.
    """
    nodes = _with_makers(graph, node, makers)
    made = {tensor for each in nodes for tensor in each.outputs}
    places: dict[int, int] = {}
    tensors: list[Any] = []
    buffers = [schema.BufferT()]
    operators = [copy(subgraph.operators[each.index]) for each in nodes]
    between = [t for operator in operators for t in (operator.intermediates or ())]
    for index in (*(t for each in nodes for t in (*each.inputs, *each.outputs)), *between):
        if index == ABSENT or index in places:
            continue
        places[index] = len(tensors)
        tensor = copy(subgraph.tensors[index])
        data = model.buffers[tensor.buffer].data
        tensor.name, tensor.buffer = f"t{len(tensors)}".encode(), 0
        if as_float:
            data = _to_float(tensor, data)
        if data is not None and len(data):
            tensor.buffer = len(buffers)
            buffers.append(schema.BufferT(data=data))
        tensors.append(tensor)

    found = schema.SubGraphT()
    found.tensors, found.name = tensors, b"main"
    found.operators, codes = [], []
    for each, operator in zip(nodes, operators, strict=True):
        codes.append(model.operatorCodes[operator.opcodeIndex])
        operator.opcodeIndex = len(codes) - 1
        operator.inputs = [places.get(t, ABSENT) for t in each.inputs]
        operator.outputs = [places.get(t, ABSENT) for t in each.outputs]
        operator.intermediates = [places[t] for t in (operator.intermediates or ())]
        found.operators.append(operator)
    fed = [t for t in dict.fromkeys(t for each in nodes for t in each.inputs) if t != ABSENT and t not in made]
    found.inputs = [places[t] for t in fed if not tensors[places[t]].buffer and not tensors[places[t]].isVariable]
    found.outputs = [places[t] for t in node.outputs if t != ABSENT]
    alone = schema.ModelT()
    alone.version, alone.operatorCodes, alone.subgraphs, alone.buffers = model.version, codes, [found], buffers
    return flatbuffer.write(alone)


def constant_makers(graph: Graph) -> set[int]:
    """The nodes with constant inputs only: weights that are unpacked when the model is loaded."""
    found: set[int] = set()
    fixed = {index for index, tensor in enumerate(graph.tensors) if tensor.constant}
    for node in graph.nodes:
        given = [t for t in node.inputs if t != ABSENT]
        if given and all(t in fixed for t in given):
            found.add(node.index)
            fixed.update(node.outputs)
    return found


def _with_makers(graph: Graph, node: Node, makers: Collection[int]) -> list[Node]:
    needed = {node.index: node}
    waiting = list(node.inputs)
    while waiting:
        maker = graph.producers.get(waiting.pop())
        if maker is not None and maker.index in makers and maker.index not in needed:
            needed[maker.index] = maker
            waiting += maker.inputs
    return [needed[index] for index in sorted(needed)]


def _to_float(tensor: Any, data: Any) -> Any:
    quantisation = tensor.quantization
    scaled = quantisation is not None and quantisation.scale is not None
    if tensor.type in _INTEGERS or (tensor.type in _BIASES and scaled):
        count = math.prod(map(int, tensor.shape)) if tensor.shape is not None else 1
        tensor.type, tensor.quantization = schema.TensorType.FLOAT32, None
        lies = data is None or not 0 <= count <= 2 * len(data)  # of 4 bits, a byte has two
        return data if lies else np.zeros(4 * count, np.uint8)
    return data
