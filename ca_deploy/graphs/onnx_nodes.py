"""The nodes of an ONNX protobuf, those in the branches and bodies of control flow included."""

from collections.abc import Iterator

import onnx
from onnx import AttributeProto


def all_nodes(graph: onnx.GraphProto | onnx.FunctionProto) -> Iterator[onnx.NodeProto]:
    """The nodes of a main graph or function, then those of its branches and bodies, in the order of :class:`Graph`."""
    waiting: list[onnx.GraphProto | onnx.FunctionProto] = [graph]
    for each in waiting:
        yield from each.node
        waiting += [subgraph for node in each.node for _, subgraph in subgraphs_of(node)]


def subgraphs_of(node: onnx.NodeProto) -> list[tuple[str, onnx.GraphProto]]:
    """The branches or the body of a node, each with the name of its attribute."""
    single = [(a.name, a.g) for a in node.attribute if a.type == AttributeProto.GRAPH]
    lists = [
        (f"{a.name} {i}", g) for a in node.attribute if a.type == AttributeProto.GRAPHS for i, g in enumerate(a.graphs)
    ]
    return single + lists
