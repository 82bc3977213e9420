"""Resizing to another tensor's size, for an image of several sizes.

coremltools 9 needs a constant size or a constant factor for ``upsample``. Where the factor is the same at all sizes, it
is that factor, and where a single position is repeated, a broadcast.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch.fx import GraphModule, Node

from ca_deploy.errors import ModelError
from ca_deploy.formats._origin import place_of
from ca_deploy.records.image_sizes import Size2d, size_text

_aten = torch.ops.aten
_FACTORS = {_aten.upsample_bilinear2d.vec: 3, _aten.upsample_nearest2d.vec: 2}  # the argument that has them


def resize_by_factor(graph_module: GraphModule, name: str, symbols: tuple[Any, Any], sizes: Sequence[Size2d]) -> None:
    """Edit ``graph_module`` in place, for ``sizes`` of the image; ``symbols`` are its height and width.

    Raises:
        ModelError: a factor differs between the sizes; names its module in the network ``name``.
    """
    changed = 0
    for node in list(graph_module.graph.nodes):
        if node.target not in _FACTORS or node.args[1] is None:
            continue
        shapes = [(_sides(node.args[0], symbols, size), _sides(node, symbols, size)) for size in sizes]
        if all(taken == (1, 1) for taken, _ in shapes):
            with graph_module.graph.inserting_before(node):
                new = graph_module.graph.call_function(_aten.expand.default, (node.args[0], [-1, -1, *node.args[1]]))
            new.meta = dict(node.meta)
            node.replace_all_uses_with(new)
            graph_module.graph.erase_node(node)
        else:
            factors = [(given[0] / taken[0], given[1] / taken[1]) for taken, given in shapes]
            _refuse_unlike(node, name, sizes, shapes, factors)
            place = _FACTORS[node.target]
            arguments = [*node.args, *[None] * (place + 1 - len(node.args))]
            arguments[1], arguments[place] = None, list(factors[0])
            node.args = tuple(arguments)
        changed += 1
    if changed:
        graph_module.graph.eliminate_dead_code()
        graph_module.recompile()


def _refuse_unlike(
    node: Node,
    name: str,
    sizes: Sequence[Size2d],
    shapes: Sequence[tuple[tuple[int, int], tuple[int, int]]],
    factors: Sequence[tuple[float, float]],
) -> None:
    other = next((number for number, factor in enumerate(factors) if factor != factors[0]), None)
    if other is None:
        return
    at = [f"{vertical:.4g} x {horizontal:.4g}" for vertical, horizontal in (factors[0], factors[other])]
    stride = -(-sizes[0][0] // shapes[0][0][0])
    raise ModelError(
        f"{name} enlarges {place_of(node)} by {at[0]} at {size_text(sizes[0])} px, but by {at[1]} at "
        f"{size_text(sizes[other])} px, and an ML Program has one factor for all sizes. Choose sizes of which it is "
        f"the same, such as multiples of {stride}."
    )


def _sides(node: Any, symbols: tuple[Any, Any], size: Size2d) -> tuple[int, int]:
    """Height and width of a node's result where the image has ``size``."""
    values = dict(zip(symbols, size, strict=True))
    height, width = (
        side if isinstance(side, int) else int(side.node.expr.subs(values)) for side in node.meta["val"].shape[2:]
    )
    return height, width
