"""Write gates by hard sigmoid as ``relu6(z + 3)``, with the 3 in the bias of the convolution before, and the 1/6 in the
weights of the projection.

ONNX Runtime and XNNPACK compute a convolution with RELU6 in INT8, and hard sigmoid in float: MobileNetV3's and
PP-LCNet's SE are made of it.
"""

import torch
from torch.fx import GraphModule

from ca_deploy.lowering._hard_swish import hard_sigmoid_of
from ca_deploy.lowering.gates.block import Block
from ca_deploy.lowering.gates.editor import Editor
from ca_deploy.lowering.gates.find import is_plain_1x1
from ca_deploy.lowering.gates.weights import divide_weights, folded

_aten = torch.ops.aten


def fold_hard_sigmoid(graph_module: GraphModule, block: Block) -> int:
    """Edit a block in place; equal up to rounding of the weights. Returns the number of gates rewritten."""
    count = 0
    for gate in block.gates if block.projection is not None else ():
        source = hard_sigmoid_of(gate.node)
        if source is None or not is_plain_1x1(source) or len(source.users) != 1:
            continue
        editor = Editor(graph_module, gate.node)
        weight, bias = folded(editor, source, None)
        raised = editor.call(source.target, source.args[0], editor.constant(weight), editor.constant(bias + 3))
        gate.node.replace_all_uses_with(editor.call(_aten.hardtanh.default, raised, 0.0, 6.0))
        count += 1
    if count and block.projection is not None:
        divide_weights(graph_module, block.projection.convolution, 6**count)
    return count
