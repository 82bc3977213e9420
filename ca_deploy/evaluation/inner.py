"""Tensors inside a file, as the values inside a network are looked for among them."""

import itertools
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ca_deploy.graphs import Graph, Node

_QUANTISE = {"quantizelinear", "quantize"}
_DEQUANTISE = {"dequantizelinear", "dequantize"}


def is_inside(module: str, modules: Collection[str]) -> bool:
    """Whether the path of a module is one of these, or inside one."""
    return module in modules or module.startswith(tuple(f"{one}." for one in modules if one))


def names_modules(graph: Graph) -> bool:
    """Whether a file says which modules its operators come from; Core ML's do not."""
    return any(node.module and not node.finds_detections for node in graph.nodes)


def sides(shape: Sequence[int]) -> tuple[int, ...]:
    """The sides of a shape that are more than one, whatever their order."""
    return tuple(sorted(side for side in shape if side != 1))


def kept(graph: Graph, tensor: int) -> str:
    """The tensor that is read instead of a result: what its integers stand for, where it is quantised after that."""
    for quantise in _users(graph, tensor, _QUANTISE):
        for dequantise in _users(graph, quantise.outputs[0], _DEQUANTISE):
            return graph.tensors[dequantise.outputs[0]].name
    return graph.tensors[tensor].name


def _users(graph: Graph, tensor: int, kinds: set[str]) -> list[Node]:
    return [node for node in graph.consumers.get(tensor, ()) if node.operator.lower() in kinds]


def orders(shape: Sequence[int], wanted: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Every order of the axes of ``shape`` that are more than one in which they are those of ``wanted``."""
    mine, theirs = ([side for side in one if side != 1] for one in (shape, wanted))
    for order in itertools.permutations(range(len(mine))):
        if [mine[axis] for axis in order] == theirs:
            yield order


def turned(values: NDArray[Any], order: Sequence[int], wanted: Sequence[int]) -> NDArray[np.float32]:
    """A file's tensor with its axes in an order of :func:`orders`, in the shape of ``wanted``."""
    return values.astype(np.float32).squeeze().transpose(order).reshape(tuple(wanted))
