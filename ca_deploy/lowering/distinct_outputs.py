"""Return a tensor that is returned twice, or an input that is returned, as a tensor of its own.

An ML Program knows an output by one name (coremltools 9 drops the other), and its inputs by theirs. Identities
are removed in its conversion, so the copy is cut in two and joined again.
"""

import sys
from typing import Any

import torch
from torch.fx import GraphModule, Node

from ca_deploy.lowering._edit import calls_like

_ATEN = torch.ops.aten


def distinct_outputs(graph_module: GraphModule) -> int:
    """Edit ``graph_module`` in place; exact. Returns the number of copies; one single number is not copied."""
    output = graph_module.graph.output_node()
    returned = output.args[0]
    if not isinstance(returned, tuple | list):
        returned = (returned,)
    copies = 0
    given: list[Any] = []
    for place, node in enumerate(returned):
        is_again = isinstance(node, Node) and (node.op == "placeholder" or node in returned[:place])
        axis = _axis(node) if is_again else None
        if axis is not None:
            call = calls_like(graph_module, node)
            with graph_module.graph.inserting_before(output):
                first = call(_ATEN.slice.Tensor, node, axis, 0, 1)
                node = call(_ATEN.cat.default, [first, call(_ATEN.slice.Tensor, node, axis, 1, sys.maxsize)], axis)
            copies += 1
        given.append(node)
    if copies:
        output.args = (given[0],) if isinstance(output.args[0], Node) else (type(returned)(given),)
        graph_module.recompile()
    return copies


def _axis(node: Node) -> int | None:
    """An axis of more than one position."""
    sides = node.meta["val"].shape
    return next((axis for axis, side in enumerate(sides) if isinstance(side, int) and side > 1), None)
