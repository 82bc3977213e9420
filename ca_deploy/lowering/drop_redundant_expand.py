"""Drop every ``expand`` whose users broadcast its input anyway.

The authors' block computes ``x * a_w.expand(-1, -1, h, w) * a_h.expand(-1, -1, h, w)``. litert-torch 0.10 rejects the
expanded gates ("operands don't have broadcast-compatible shapes"); elsewhere they cost memory and time.
"""

import torch
from torch.fx import GraphModule, Node

from ca_deploy.lowering._operators import EXPANDS, is_pointwise


def drop_redundant_expand(graph_module: GraphModule) -> int:
    """Edit ``graph_module`` in place; exact. Returns the number of expands dropped."""
    dropped = 0
    for node in list(graph_module.graph.nodes):
        if node.target in EXPANDS and all(_broadcasts(user, node) for user in node.users):
            node.replace_all_uses_with(node.all_input_nodes[0])
            graph_module.graph.erase_node(node)
            dropped += 1
    if dropped:
        graph_module.recompile()
    return dropped


def _broadcasts(user: Node, expand: Node) -> bool:
    """Whether ``user`` has the same output shape when it takes the input of ``expand`` instead."""
    if not is_pointwise(user.target):
        return False
    source = expand.all_input_nodes[0]
    operands = [source if operand is expand else operand for operand in user.all_input_nodes]
    shapes = [operand.meta["val"].shape for operand in operands]
    return bool(torch.broadcast_shapes(*shapes) == user.meta["val"].shape)
