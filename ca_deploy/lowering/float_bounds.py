"""Write the bounds of every clamp as floats, where its input is float.

``functional.relu6`` and ``clamp(0, 6)`` have integers, and coremltools 9 then fails ("alpha has dtype int32 whereas x
has dtype fp32") unless the clamp is part of an h-swish in the spelling of :mod:`ca_deploy.lowering.coreml_hard_swish`.
"""

import torch
from torch.fx import GraphModule

_aten = torch.ops.aten
_CLAMPS = {_aten.clamp.default, _aten.clamp_.default, _aten.hardtanh.default, _aten.hardtanh_.default}
_RELU6 = {_aten.relu6.default: _aten.hardtanh.default, _aten.relu6_.default: _aten.hardtanh_.default}


def float_bounds(graph_module: GraphModule) -> int:
    """Edit ``graph_module`` in place; exact. Returns the number of clamps changed."""
    changed = 0
    for node in graph_module.graph.nodes:
        if node.target in _RELU6:
            node.target, node.args = _RELU6[node.target], (node.args[0], 0, 6)
        if node.target not in _CLAMPS or not node.args[0].meta["val"].is_floating_point():
            continue
        args = (node.args[0], *(float(bound) if isinstance(bound, int) else bound for bound in node.args[1:]))
        if any(type(new) is not type(old) for new, old in zip(args, node.args, strict=True)):
            node.args = args
            changed += 1
    if changed:
        graph_module.recompile()
    return changed
