"""Give every pooling its stride explicitly.

``functional.max_pool2d(x, 2)`` leaves it out, and coremltools 9 then fails ("got 2 input(s), expected minimum 3
inputs"); ``nn.MaxPool2d(2)`` writes it.
"""

import torch
from torch.fx import GraphModule

_aten = torch.ops.aten
_POOLS = {
    _aten.max_pool1d.default, _aten.max_pool2d.default, _aten.max_pool3d.default,
    _aten.avg_pool1d.default, _aten.avg_pool2d.default, _aten.avg_pool3d.default,
}  # fmt: skip


def explicit_strides(graph_module: GraphModule) -> int:
    """Edit ``graph_module`` in place; exact. Returns the number of poolings changed."""
    changed = 0
    for node in graph_module.graph.nodes:
        stride = node.args[2] if len(node.args) > 2 else node.kwargs.get("stride")
        if node.target in _POOLS and not stride:
            node.args = (*node.args[:2], node.args[1], *node.args[3:])
            node.kwargs = {key: value for key, value in node.kwargs.items() if key != "stride"}
            changed += 1
    if changed:
        graph_module.recompile()
    return changed
