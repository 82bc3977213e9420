"""The gates of a network's attention for one photo, found by their structure, as the lowering finds them.

CBAM's second half (Woo et al., ECCV 2018, arXiv 1807.06521), one gate per position of the map, is found here only: no
runtime gains by writing it in another way.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.fx import Graph, GraphModule, Node

from ca_deploy.lowering._operators import MULTIPLIES
from ca_deploy.lowering.gates.find import find
from ca_deploy.lowering.gates.prove import activations
from ca_deploy.records.lowering import LeftAlone
from ca_deploy.records.module_path import module_of

_aten = torch.ops.aten
_OVER_CHANNELS = {_aten.mean.dim, _aten.amax.default, _aten.max.dim, _aten.sum.dim_IntList}


@dataclass(frozen=True, slots=True)
class Gates:
    """The gates of one block: ``module`` is its path, ``size`` the height and width of its map.

    ``values`` is ``(C, H, W)`` for each kind of gate, with 1 where it has one value for all. ``modules`` are the paths
    of all modules that they are computed in.
    """

    module: str
    modules: tuple[str, ...]
    size: tuple[int, int]
    values: Mapping[str, Tensor]


def gates_of(graph_module: GraphModule, taken: Tensor) -> tuple[list[Gates], list[LeftAlone]]:
    """The gates of a traced network without operations in place, for its input ``(1, C, H, W)``, in order; and the
    look-alikes that are not read."""
    blocks, left = find(graph_module.graph)
    found: list[tuple[Node, tuple[str, ...], Mapping[str, Node]]] = [
        (block.product, block.modules, {gate.extent: gate.node for gate in block.gates}) for block in blocks
    ]
    by_position = list(_per_position(graph_module.graph))
    found += [(product, (module_of(gate),), {"positions": gate}) for product, gate in by_position]
    read = {module_of(product) for product, _ in by_position}
    values = activations(graph_module, [gate for _, _, gates in found for gate in gates.values()], [taken])
    order = {node: number for number, node in enumerate(graph_module.graph.nodes)}
    return [
        Gates(
            module_of(product),
            tuple({module_of(product): None} | dict.fromkeys(modules)),
            (product.meta["val"].shape[2], product.meta["val"].shape[3]),
            {extent: values[gate][0] for extent, gate in gates.items()},
        )
        for product, modules, gates in sorted(found, key=lambda one: order[one[0]])
    ], [place for place in left if place.module not in read]


def _per_position(graph: Graph) -> Iterator[tuple[Node, Node]]:
    """Multiplications of a map ``(1, C, H, W)`` by ``(1, 1, H, W)`` that was computed from it, over its channels."""
    for node in graph.nodes:
        if node.target not in MULTIPLIES or not all(isinstance(operand, Node) for operand in node.args):
            continue
        for feature_map, gate in (node.args, node.args[::-1]):
            sizes = tuple(feature_map.meta["val"].shape)
            if len(sizes) != 4 or sizes[1] == 1 or tuple(gate.meta["val"].shape) != (sizes[0], 1, *sizes[2:]):
                continue
            if gate.op == "call_function" and _reads_channels_of(gate, feature_map):
                yield node, gate


def _reads_channels_of(gate: Node, feature_map: Node) -> bool:
    """Whether a gate depends on averages or maxima over the channels of the map, and on nothing else of the input."""
    pending, seen, found = [gate], set(), False
    while pending:
        node = pending.pop()
        if node in seen:
            continue
        seen.add(node)
        if node.op == "placeholder" or node is feature_map:
            return False
        if node.target in _OVER_CHANNELS and node.args[0] is feature_map:
            axes = node.args[1]
            if axes not in (1, -3, [1], [-3]):
                return False
            found = True
        else:
            pending += node.all_input_nodes
    return found
