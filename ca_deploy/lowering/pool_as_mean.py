"""Write adaptive average pooling over whole axes as a mean.

Pooling to one row or one column, as in Coordinate Attention, averages a whole axis. In INT8, TFLite's pooling operators
must keep the scale of their input, although an average spans a far smaller range, and XNNPACK does not support them;
MEAN has its own scale and runs in XNNPACK.
"""

import torch
from torch.fx import GraphModule

from ca_deploy.lowering._symbolic import expression


def pool_as_mean(graph_module: GraphModule) -> int:
    """Edit ``graph_module`` in place; equal up to float rounding. Returns the number of poolings replaced."""
    graph, replaced = graph_module.graph, 0
    for node in graph.find_nodes(op="call_function", target=torch.ops.aten.adaptive_avg_pool2d.default):
        sizes_in, sizes_out = (
            [expression(size) for size in one.meta["val"].shape[-2:]] for one in (node.args[0], node)
        )
        if not all(out in (1, full) for full, out in zip(sizes_in, sizes_out, strict=True)):
            continue
        axes = [axis for axis, out in zip((-2, -1), sizes_out, strict=True) if out == 1]
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
