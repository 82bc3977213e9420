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
    shapes = [getattr(node.meta.get("val"), "shape", ()) for node in graph.find_nodes(op="placeholder")]
    are_open = [[not isinstance(size, int) for size in shape] for shape in shapes]
    return any(shape[:1] == [True] for shape in are_open) and not any(size for shape in are_open for size in shape[1:])


def settle_batch(graph_module: GraphModule, samples: Sequence[Tensor]) -> None:
    """Give all nodes the shapes for ``samples``; a first size that is computed, in a view or an expansion, becomes -1:
    what is left for it, or what it was."""
    for node in graph_module.graph.nodes:
        if node.target in _RESHAPES or (node.target is _aten.expand.default and _has_batch(node.args[0])):
            source, (first, *rest) = _arguments(node)
            if isinstance(first, Node) and all(isinstance(size, int) and size != -1 for size in rest):
                node.args = (source, [-1, *rest])

    def settle(node: Node, value: Any) -> None:
        node.meta["val"] = without_content(value)

    watched(graph_module, samples, settle)


def leave_batch_open(nodes: Iterable[Node]) -> None:
    """Let the first size of each view among ``nodes`` be what is left for it."""
    for node in nodes:
        if node.target is _aten.reshape.default:
            source, (_, *rest) = _arguments(node)
            node.args = (source, [-1, *rest])


def _has_batch(node: Any) -> bool:
    return not isinstance(node.meta["val"].shape[0], int)


def _arguments(node: Node) -> Any:
    return node.args
