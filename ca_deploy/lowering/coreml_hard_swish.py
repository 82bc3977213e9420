"""Write every hard sigmoid, including the one inside h-swish, as one operator.

The authors write h-swish as ``x * relu6(x + 3) / 6``: four operations in Core ML, where ``sigmoid_hard`` covers all but
the multiplication. coremltools 9 converts ``nn.Hardswish`` to ``thresholded_relu``, ``sigmoid_hard`` and ``mul``, of
which the first is redundant.
"""

import torch
from torch.fx import GraphModule, Node

_aten = torch.ops.aten
_ADD, _MUL, _DIV = _aten.add.Tensor, _aten.mul.Tensor, _aten.div.Tensor
_CLAMPS = {_aten.hardtanh.default, _aten.clamp.default, _aten.relu6.default}


def hard_sigmoid_in_one(graph_module: GraphModule) -> int:
    """Edit ``graph_module`` in place; equal up to float rounding. Returns the number of places changed."""
    graph, changed = graph_module.graph, 0
    for node in list(graph.nodes):
        source = _hard_sigmoid_of(node)
        if source is None and node.target is not _aten.hardswish.default:
            continue
        with graph.inserting_before(node):
            new = graph.call_function(_aten.hardsigmoid.default, (source or node.args[0],))
            new.meta = dict(node.meta)
            if source is None:
                new = graph.call_function(_MUL, (node.args[0], new))
                new.meta = dict(node.meta)
        node.replace_all_uses_with(new)
        changed += 1
    if changed:
        graph.eliminate_dead_code()
        graph_module.recompile()
    return changed


def _hard_sigmoid_of(node: Node) -> Node | None:
    """x, if ``node`` is ``relu6(x + 3) / 6``."""
    sixth = (node.target is _DIV and node.args[1] == 6) or (
        node.target is _MUL and isinstance(node.args[1], float) and abs(node.args[1] * 6 - 1) < 1e-6
    )
    clamp = node.args[0] if sixth else None
    if not isinstance(clamp, Node) or clamp.target not in _CLAMPS or len(clamp.users) > 1:
        return None
    limits = (0, 6) if clamp.target is _aten.relu6.default else clamp.args[1:]
    shifted = clamp.args[0]
    if limits != (0, 6) or not isinstance(shifted, Node) or shifted.target is not _ADD or shifted.kwargs:
        return None
    operands = shifted.args
    if operands[0] == 3:
        operands = operands[::-1]
    return operands[0] if operands[1] == 3 and isinstance(operands[0], Node) else None
