"""Write every hard sigmoid, including the one inside h-swish, as one operator.

The authors write h-swish as ``x * relu6(x + 3) / 6``: four operations in Core ML, where ``sigmoid_hard`` covers all but
the multiplication. coremltools 9 converts ``nn.Hardswish`` to ``thresholded_relu``, ``sigmoid_hard`` and ``mul``, of
which the first is redundant.
"""

import torch
from torch.fx import GraphModule

from ca_deploy.lowering._edit import calls_like
from ca_deploy.lowering._hard_swish import hard_sigmoid_of, hard_swish_of

_aten = torch.ops.aten


def hard_sigmoid_in_one(graph_module: GraphModule) -> int:
    """Edit ``graph_module`` in place; equal up to float rounding. Returns the number of places changed."""
    graph, changed = graph_module.graph, 0
    for node in list(graph.nodes):
        if any(part.target is _aten.hardsigmoid.default for part in (node, *node.all_input_nodes)):
            continue  # it is one already, or multiplies with one
        swished = hard_swish_of(node)
        source = hard_sigmoid_of(node) if swished is None else swished
        if source is None:
            continue
        with graph.inserting_before(node):
            call = calls_like(graph_module, node)
            new = call(_aten.hardsigmoid.default, source)
            new = new if swished is None else call(_aten.mul.Tensor, source, new)
        node.replace_all_uses_with(new)
        changed += 1
    if changed:
        graph.eliminate_dead_code()
        graph_module.recompile()
    return changed
