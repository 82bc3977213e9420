"""A traced network for any number of samples, lowered as one for two: no size that depends on them is written."""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.fx import Graph, GraphModule, Node

from ca_deploy.lowering._edit import watched, without_content

_aten = torch.ops.aten
_RESHAPES = {_aten.view.default, _aten.reshape.default, _aten._unsafe_view.default}


def has_any_batch(graph: Graph) -> bool:
    """Whether the first size of inputs is open, and no other."""
    shapes = [_are_open(node) for node in graph.find_nodes(op="placeholder")]
    return any(shape[:1] == [True] for shape in shapes) and not any(size for shape in shapes for size in shape[1:])


def settle_batch(graph_module: GraphModule, samples: Sequence[Tensor]) -> set[Node]:
    """Give all nodes the shapes for ``samples``; a first size that is computed, in a view or an expansion, becomes -1:
    what is left for it, or what it was. Returns the nodes whose first size alone was open."""
    are_open = {node: _are_open(node) for node in graph_module.graph.nodes}
    by_sample = {node for node, sizes in are_open.items() if sizes[:1] == [True] and not any(sizes[1:])}
    for node in graph_module.graph.nodes:
        if node.target in _RESHAPES or (node.target is _aten.expand.default and any(_are_open(node.args[0])[:1])):
            source, (first, *rest) = _arguments(node)
            if isinstance(first, Node) and all(isinstance(size, int) and size != -1 for size in rest):
                node.args = (source, [-1, *rest])

    def settle(node: Node, value: Any) -> None:
        node.meta["val"] = without_content(value)

    watched(graph_module, samples, settle)
    return by_sample


def leave_batch_open(nodes: Iterable[Node]) -> None:
    """Let the first size of each view among ``nodes`` be what is left for it."""
    for node in nodes:
        if node.target is _aten.reshape.default:
            source, (_, *rest) = _arguments(node)
            node.args = (source, [-1, *rest])


def _are_open(node: Any) -> list[bool]:
    """For each size of a node's value, whether it is open."""
    return [not isinstance(size, int) for size in getattr(node.meta.get("val"), "shape", ())]


def _arguments(node: Node) -> Any:
    return node.args
