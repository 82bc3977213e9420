"""Write ``x + alpha * y`` as two operations: coremltools 9 drops the ``alpha`` of ``torch.add`` and ``torch.sub``."""

from typing import Any

import torch
from torch.fx import GraphModule, Node

from ca_deploy.lowering._edit import calls_like, value_of

_aten = torch.ops.aten
# Operation -> the place of the operand that alpha multiplies.
_SCALED = {_aten.add.Tensor: 1, _aten.sub.Tensor: 1, _aten.subtract.Tensor: 1, _aten.rsub.Tensor: 0}


def explicit_alpha(graph_module: GraphModule) -> int:
    """Edit ``graph_module`` in place; equal up to float rounding. Returns the number of operations rewritten."""
    rewritten = 0
    for node in graph_module.graph.nodes:
        if node.target not in _SCALED or node.kwargs.get("alpha", 1) == 1:
            continue
        place, alpha = _SCALED[node.target], node.kwargs["alpha"]
        scaled: Any = node.args[place]
        if isinstance(scaled, Node):
            with graph_module.graph.inserting_before(node):
                scaled = calls_like(graph_module, node)(_aten.mul.Tensor, scaled, alpha)
            scaled.meta["val"] = value_of(scaled)
        else:  # a number
            scaled *= alpha
        node.update_arg(place, scaled)
        node.kwargs = {}
        rewritten += 1
    if rewritten:
        graph_module.recompile()
    return rewritten
