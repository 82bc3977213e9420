"""Write adaptive max pooling over whole axes as a maximum.

litert-torch 0.10 has no form of it ("Lowering not found: aten.adaptive_max_pool2d.default"), and CBAM and every network
that ends in a global maximum use it.
"""

import operator

import torch
from torch.fx import GraphModule

from ca_deploy.lowering._edit import whole_axes


def pool_as_max(graph_module: GraphModule) -> int:
    """Edit ``graph_module`` in place; exact. Returns the number of poolings replaced.

    A pooling whose places of the maxima are used stays.
    """
    graph, replaced = graph_module.graph, 0
    for node in graph.find_nodes(op="call_function", target=torch.ops.aten.adaptive_max_pool2d.default):
        values = [user for user in node.users if user.target is operator.getitem and user.args[1] == 0]
        if any(user not in values and user.users for user in node.users) or not values:
            continue
        axes = whole_axes(node.args[0].meta["val"], node.meta["val"][0])
        if not axes:
            continue
        with graph.inserting_before(node):
            largest = graph.call_function(torch.ops.aten.amax.default, (node.args[0], axes, True))
        largest.meta = dict(values[0].meta)
        for value in values:
            value.replace_all_uses_with(largest)
        replaced += 1
    if replaced:
        graph.eliminate_dead_code()
        graph_module.recompile()
    return replaced
