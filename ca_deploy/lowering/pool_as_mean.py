"""Write adaptive average pooling over whole axes as a mean.

Pooling to one row or one column, as in Coordinate Attention, averages a whole axis. In INT8, TFLite's pooling operators
must keep the scale of their input, although an average spans a far smaller range, and XNNPACK does not support them;
MEAN has its own scale and runs in XNNPACK.
"""

import torch
from torch.fx import GraphModule

from ca_deploy.lowering._edit import whole_axes


def pool_as_mean(graph_module: GraphModule) -> int:
    """Edit ``graph_module`` in place; equal up to float rounding. Returns the number of poolings replaced."""
    graph, replaced = graph_module.graph, 0
    for node in graph.find_nodes(op="call_function", target=torch.ops.aten.adaptive_avg_pool2d.default):
        axes = whole_axes(node.args[0].meta["val"], node.meta["val"])
        if not axes:
            continue
        with graph.inserting_before(node):
            mean = graph.call_function(torch.ops.aten.mean.dim, (node.args[0], axes, True))
        mean.meta = dict(node.meta)
        node.replace_all_uses_with(mean)
        graph.erase_node(node)
        replaced += 1
    if replaced:
        graph_module.recompile()
    return replaced
