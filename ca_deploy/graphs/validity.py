"""What makes a graph invalid in any format: tensors that do not exist, and nodes that wait for each other."""

from typing import TYPE_CHECKING

from ca_deploy.errors import listed

if TYPE_CHECKING:
    from ca_deploy.graphs import Graph, Node


def invalid(graph: "Graph") -> str:
    """Why no runtime can run the graph, in a clause, or ""."""
    places = range(-1, len(graph.tensors))  # -1 is an absent operand
    for node in graph.nodes:
        if strange := [place for place in (*node.inputs, *node.outputs) if place not in places]:
            return f"{node.name} reads or writes tensor {strange[0]}, and there are {len(graph.tensors)}"
    if strange := [place for place in (*graph.inputs, *graph.outputs) if place not in places]:
        return f"an input or output is tensor {strange[0]}, and there are {len(graph.tensors)}"
    if graph.missing:
        return f"{listed(graph.missing)} is needed, but neither an input nor a constant nor computed by any node"
    if waiting := _never_ready(graph):
        return f"{listed([node.name for node in waiting])} would have to run after each other, in a circle"
    return ""


def _never_ready(graph: "Graph") -> "list[Node]":
    """The nodes of a cycle, and those that wait for one."""
    readers: dict[int, list[int]] = {}
    waits_for = []
    for node in graph.nodes:
        makers = {graph.producers[tensor].index for tensor in node.inputs if tensor in graph.producers}
        waits_for.append(len(makers))
        for maker in makers:
            readers.setdefault(maker, []).append(node.index)
    ready = [index for index, count in enumerate(waits_for) if not count]
    while ready:
        for reader in readers.get(ready.pop(), ()):
            waits_for[reader] -= 1
            if not waits_for[reader]:
                ready.append(reader)
    return [node for node, count in zip(graph.nodes, waits_for, strict=True) if count]
