"""Biases of rank 1, as quantisers expect: their scales lie along the first axis."""

import copy
from typing import Any

from ca_deploy.graphs import flatbuffer

_BIAS = {"CONV_2D": 2, "DEPTHWISE_CONV_2D": 2, "FULLY_CONNECTED": 2, "TRANSPOSE_CONV": 3}


def flat_biases(model: Any) -> int:
    """Give each constant bias of a higher rank the shape ``(C,)``, in place; returns their number.

    litert-torch 0.10 leaves the offset of a BatchNorm after a transposed convolution as ``(1, 1, 1, C)``, which
    becomes its bias; quantised, no runtime opens such a file.
    """
    graph, count = model.subgraphs[0], 0
    for operator in graph.operators:
        place = _BIAS.get(flatbuffer.operator_name(model, operator))
        if place is None or len(operator.inputs) <= place or operator.inputs[place] < 0:
            continue
        tensor = graph.tensors[operator.inputs[place]]
        channels = int(tensor.shape[-1]) if len(tensor.shape) > 1 else 0
        if not channels or flatbuffer.constant(model, int(operator.inputs[place])) is None:
            continue
        flat = copy.copy(tensor)  # others may read the same tensor as it is
        flat.shape, flat.shapeSignature = [channels], None
        graph.tensors.append(flat)
        operator.inputs = [*operator.inputs[:place], len(graph.tensors) - 1, *operator.inputs[place + 1 :]]
        count += 1
    return count
