"""The product of a map and its gates, in the forms that a runtime is fast in."""

import torch
from torch.fx import Node

from ca_deploy.lowering.gates.block import Block
from ca_deploy.lowering.gates.editor import Editor
from ca_deploy.records.lowering import Product

_aten = torch.ops.aten


def write_product(block: Block, editor: Editor, form: Product) -> None:
    """Write the multiplications of a block anew."""
    gates = block.gates_in_order
    if form == "outer_product" and [gate.extent for gate in gates[:2]] == ["columns", "rows"]:
        columns, rows = gates.pop(0), gates.pop(0)
        both = editor.call(_aten.matmul.default, rows.node, columns.node)
        result = editor.call(_aten.mul.Tensor, block.map, both)
    else:
        result = block.map
    for gate in gates:
        copied = form == "copied" and gate.extent in ("rows", "map")
        factor = _copied(editor, gate.node, block.size[3]) if copied else gate.node
        result = editor.call(_aten.mul.Tensor, result, factor)
    block.product.replace_all_uses_with(result)


def _copied(editor: Editor, gate: Node, width: int) -> Node:
    """``(N, C, H, 1)`` -> ``(N, C, H, W)``, by copies along W of a view in which channels are last.

    ONNX Runtime multiplies INT8 tensors of the same shape faster than it broadcasts one along W, and rows at once, as a
    gate per map then has them, faster than position by position (1.32).
    """
    last = editor.call(_aten.permute.default, gate, [0, 2, 3, 1])
    copied = editor.call(_aten.index_select.default, last, 2, editor.constant(torch.zeros(width, dtype=torch.int64)))
    return editor.call(_aten.permute.default, copied, [0, 3, 1, 2])
