"""Write the function that gates end in as one that a runtime is fast in, with its factors in the weights of the
convolution before and of the projection after.

Hard sigmoid as ``relu6(z + 3)``: ONNX Runtime and XNNPACK compute a convolution with RELU6 in INT8, and hard sigmoid in
float; MobileNetV3's and PP-LCNet's SE are made of it. Sigmoid as ``1 + tanh(z / 2)``: in float32, XNNPACK's tanh takes
two thirds of the instructions of its sigmoid (LiteRT 1.4).
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.fx import GraphModule, Node

from ca_deploy.lowering._hard_swish import hard_sigmoid_of
from ca_deploy.lowering.gates.block import Block
from ca_deploy.lowering.gates.editor import Editor
from ca_deploy.lowering.gates.find import is_plain_1x1
from ca_deploy.lowering.gates.weights import divide_weights, folded

_aten = torch.ops.aten


def fold_hard_sigmoid(graph_module: GraphModule, block: Block) -> int:
    """Edit a block in place; equal up to rounding of the weights. Returns the number of gates rewritten."""

    def raised(editor: Editor, convolution: Node, weight: Tensor, bias: Tensor) -> Node:
        source = editor.call(
            convolution.target, convolution.args[0], editor.constant(weight), editor.constant(bias + 3)
        )
        return editor.call(_aten.hardtanh.default, source, 0.0, 6.0)

    return _write(graph_module, block, hard_sigmoid_of, raised, 6)


def write_sigmoid_as_tanh(graph_module: GraphModule, block: Block) -> int:
    """Edit a block in place; equal up to rounding of the weights. Returns the number of gates rewritten."""

    def halved(editor: Editor, convolution: Node, weight: Tensor, bias: Tensor) -> Node:
        weights = editor.constant(weight / 2), editor.constant(bias / 2)
        source = editor.call(convolution.target, convolution.args[0], *weights)
        return editor.call(_aten.add.Tensor, editor.call(_aten.tanh.default, source), 1)

    return _write(graph_module, block, _sigmoid_of, halved, 2)


def _sigmoid_of(node: Node) -> Node | None:
    source = node.args[0] if node.target is _aten.sigmoid.default else None
    return source if isinstance(source, Node) else None


def _write(
    graph_module: GraphModule,
    block: Block,
    source_of: Callable[[Node], Node | None],
    written: Callable[[Editor, Node, Tensor, Tensor], Node],
    larger: int,
) -> int:
    """Write each gate whose function of a convolution is known as ``written``, which is ``larger`` times as large."""
    count = 0
    for gate in block.gates if block.projection is not None else ():
        source = source_of(gate.node)
        if source is None or not is_plain_1x1(source) or len(source.users) != 1:
            continue
        editor = Editor(graph_module, gate.node)
        gate.node.replace_all_uses_with(written(editor, source, *folded(editor, source, None)))
        count += 1
    if count and block.projection is not None:
        divide_weights(graph_module, block.projection.convolution, larger**count)
    return count
