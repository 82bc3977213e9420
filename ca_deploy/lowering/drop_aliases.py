"""Drop every ``aten.alias``, which torch.export writes for a slice of a whole axis: ``x[:, :n]`` with all n channels.

coremltools 9 does not support it; GhostNet's authors write such a slice.
"""

import torch
from torch.fx import GraphModule


def drop_aliases(graph_module: GraphModule) -> int:
    """Edit ``graph_module`` in place; exact. Returns the number of aliases dropped."""
    found = graph_module.graph.find_nodes(op="call_function", target=torch.ops.aten.alias.default)
    for node in found:
        node.replace_all_uses_with(node.args[0])
        graph_module.graph.erase_node(node)
    if found:
        graph_module.recompile()
    return len(found)
