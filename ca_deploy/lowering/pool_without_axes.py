"""Write a mean over whole maps that is flattened afterwards as one that drops its axes: one operation instead of two.

Classifiers pool their last map to ``(N, C, 1, 1)``, and view it as ``(N, C)``.
"""

from typing import Any

import torch
from torch.fx import GraphModule, Node

from ca_deploy.lowering._operators import VIEWS
from ca_deploy.lowering._symbolic import expression

_aten = torch.ops.aten


def pool_without_axes(graph_module: GraphModule) -> int:
    """Edit ``graph_module`` in place; exact. Returns the number of views dropped."""
    graph, dropped = graph_module.graph, 0
    for mean in graph.find_nodes(op="call_function", target=_aten.mean.dim):
        views = list(mean.users)
        if mean.args[2:] != (True,) or not views or not all(_flattens(view, mean) for view in views):
            continue
        mean.args = mean.args[:2]
        for view in views:
            mean.meta["val"] = view.meta["val"]
            view.replace_all_uses_with(mean)
            graph.erase_node(view)
            dropped += 1
    if dropped:
        graph_module.recompile()
    return dropped


def _flattens(view: Node, mean: Node) -> bool:
    """Whether a view of ``mean (N, C, 1, 1)``, over both last axes, is ``(N, C)``."""
    if view.target not in VIEWS:
        return False
    kept, given = ([expression(size) for size in node.meta["val"].shape] for node in (mean, view))
    if len(kept) < 2:
        return False
    averaged: Any = mean.args[1]
    axes = {axis % len(kept) for axis in averaged or ()}
    return given == kept[:-2] and axes == {len(kept) - 2, len(kept) - 1}
