"""Spatial padding of rows as a whole: RESHAPE to (N, H, W * C), PAD, RESHAPE back; the same bytes.

XNNPACK of LiteRT 1.4 copies position by position in the PAD that litert-torch writes before a convolution of stride 2:
6.9 of 68.9 million instructions of an INT8 MobileNetV2 with attention (Cortex-A76). LiteRT 2.0 merges a PAD that it
finds into the convolution, and there this costs 1 %.
"""

import copy
from typing import TYPE_CHECKING, Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from ca_deploy.graphs import flatbuffer

if TYPE_CHECKING:
    from numpy.typing import NDArray

_INTEGERS = {schema.TensorType.INT32: np.int32, schema.TensorType.INT64: np.int64}


def flat_padding(model: Any) -> int:
    """Rewrite each PAD of height and width in the main graph, in place; exact. Returns their number."""
    graph = model.subgraphs[0]
    operators: list[Any] = []
    for operator in graph.operators:
        sides = _spatial(model, operator)
        if sides is None:
            operators.append(operator)
            continue
        taken, given = int(operator.inputs[0]), int(operator.outputs[0])
        channels = int(graph.tensors[taken].shape[3])
        rows, padded = _flat(model, taken), _flat(model, given)
        flat_sides = np.array([[0, 0], sides[1], sides[2] * channels], np.int32)
        operator.inputs = [rows, flatbuffer.add_constant(model, f"padding_{len(graph.tensors)}", flat_sides)]
        operator.outputs = [padded]
        operators += [flatbuffer.reshape(model, taken, rows), operator, flatbuffer.reshape(model, padded, given)]
    added = len(operators) - len(graph.operators)
    graph.operators = operators
    return added // 2


def _spatial(model: Any, operator: Any) -> "NDArray[np.int64] | None":
    """How much a PAD adds before and after each axis, ``(4, 2)``, where that is known and only height and width."""
    if flatbuffer.operator_name(model, operator) != "PAD":
        return None
    graph = model.subgraphs[0]
    image, amounts = (graph.tensors[index] for index in operator.inputs[:2])
    data = model.buffers[amounts.buffer].data
    if len(image.shape) != 4 or data is None or amounts.type not in _INTEGERS or min(image.shape) < 1:
        return None
    sides = np.frombuffer(bytes(data), _INTEGERS[amounts.type]).reshape(4, 2).astype(np.int64)
    return sides if not sides[[0, 3]].any() else None


def _flat(model: Any, index: int) -> int:
    """A tensor like another, but ``(N, H, W * C)``."""
    tensors = model.subgraphs[0].tensors
    made = copy.deepcopy(tensors[index])
    batch, height, width, channels = (int(side) for side in made.shape)
    made.shape, made.shapeSignature, made.buffer = [batch, height, width * channels], None, 0
    made.name += f"_rows_{len(tensors)}".encode()
    tensors.append(made)
    return len(tensors) - 1
