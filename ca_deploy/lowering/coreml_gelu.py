"""Write GELU's tanh form out for coremltools 9, which takes it for the exact one (4.7e-4 off)."""

import math

import torch
from torch.fx import GraphModule

from ca_deploy.lowering._edit import calls_like

_aten = torch.ops.aten


def spell_out_tanh_gelu(graph_module: GraphModule) -> int:
    """Edit ``graph_module`` in place: ``x / 2 (1 + tanh(√(2/π) (x + 0.044715 x³)))``, from Hendrycks and Gimpel (arXiv
    1606.08415). Returns the number of activations rewritten.
    """
    graph, rewritten = graph_module.graph, 0
    for node in graph.find_nodes(op="call_function", target=_aten.gelu.default):
        if node.kwargs.get("approximate") != "tanh":
            continue
        x, call = node.args[0], calls_like(graph_module, node)
        with graph.inserting_before(node):
            cube = call(_aten.mul.Tensor, call(_aten.mul.Tensor, x, x), x)
            inner = call(_aten.add.Tensor, x, call(_aten.mul.Tensor, cube, 0.044715))
            gate = call(_aten.tanh.default, call(_aten.mul.Tensor, inner, math.sqrt(2 / math.pi)))
            half = call(_aten.mul.Tensor, x, 0.5)
            result = call(_aten.add.Tensor, half, call(_aten.mul.Tensor, half, gate))
        node.replace_all_uses_with(result)
        graph.erase_node(node)
        rewritten += 1
    if rewritten:
        graph_module.recompile()
    return rewritten
