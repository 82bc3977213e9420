"""Write h-swish as ``x * relu6(x + 3)``, with the 1/6 in the weights of the convolutions that use it.

LiteRT fuses ``x * relu6(x + 3) / 6`` to HARD_SWISH, which XNNPACK does not compute in INT8; ADD with a fused RELU6 and
MUL stay inside. ONNX Runtime has no INT8 HardSwish or Div.
"""

import operator
from collections.abc import Collection

import torch
from torch.fx import GraphModule, Node

from ca_deploy.lowering._hard_swish import hard_swish_of
from ca_deploy.lowering._operators import CONVOLUTIONS
from ca_deploy.lowering.gates.editor import Editor
from ca_deploy.lowering.gates.weights import divide_weights

_aten = torch.ops.aten
_PASSED = {
    operator.getitem,
    _aten.split_with_sizes.default,
    _aten.split.Tensor,
    _aten.chunk.default,
    _aten.slice.Tensor,
    _aten.narrow.default,
    _aten.permute.default,
    _aten.transpose.int,
    _aten.reshape.default,
    _aten.view.default,
    _aten.squeeze.dim,
    _aten.unsqueeze.default,
}


def fold_hard_swish(graph_module: GraphModule, nodes: Collection[Node]) -> int:
    """Edit the h-swishes among ``nodes`` in place; equal up to rounding of the weights. Returns the number folded."""
    folded = 0
    for node in nodes:
        source = hard_swish_of(node)
        convolutions = _used_by(node) if source is not None else None
        if source is None or not convolutions:
            continue
        editor = Editor(graph_module, node)
        shifted = editor.call(_aten.add.Tensor, source, 3)
        six_times = editor.call(_aten.mul.Tensor, source, editor.call(_aten.hardtanh.default, shifted, 0.0, 6.0))
        node.replace_all_uses_with(six_times)
        for convolution in convolutions:
            divide_weights(graph_module, convolution, 6)
        folded += 1
    return folded


def _used_by(node: Node) -> list[Node] | None:
    """The convolutions with weights of their own that use a tensor, cut or reshaped; None where anything else does."""
    found: list[Node] = []
    for user in node.users:
        if user.target in CONVOLUTIONS and user.args[0] is node:
            weight = user.args[1]
            if not isinstance(weight, Node) or weight.op != "get_attr":
                return None
            found.append(user)
        elif user.target in _PASSED:
            inner = _used_by(user)
            if inner is None:
                return None
            found += [convolution for convolution in inner if convolution not in found]
        else:
            return None
    return found
