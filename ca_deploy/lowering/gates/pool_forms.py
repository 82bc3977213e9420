"""Averages over rows, columns or the whole of a map, in the forms that a runtime is fast in."""

from collections.abc import Sequence

import torch
from torch.fx import GraphModule, Node

from ca_deploy.lowering.gates.block import Block, Extent, Pool
from ca_deploy.lowering.gates.editor import Editor
from ca_deploy.lowering.gates.pools import canonical
from ca_deploy.records.lowering import Pools

_aten = torch.ops.aten
AXES: dict[Extent, list[int]] = {"rows": [3], "columns": [2], "map": [2, 3]}


def write_pools(block: Block, graph_module: GraphModule, form: Pools) -> None:
    """Write the means of a block anew; what is not a mean, as a maximum, stays."""
    for pool in block.pools:
        if pool.is_mean:
            here = Editor(graph_module, pool.node)
            made = _FORMS[form](here, block.map, pool.extent, block.size)
            pool.node.replace_all_uses_with(as_shaped(here, made, pool))


def as_shaped(editor: Editor, values: Node, pool: Pool) -> Node:
    """Values in the canonical shape of a pool, in the shape that it had."""
    shape = list(pool.node.meta["val"].shape)
    return values if list(values.meta["val"].shape) == shape else editor.call(_aten.reshape.default, values, shape)


def _mean(editor: Editor, source: Node, extent: Extent, sizes: Sequence[int]) -> Node:
    return editor.call(_aten.mean.dim, source, AXES[extent], True)


def _convolution(editor: Editor, source: Node, extent: Extent, sizes: Sequence[int]) -> Node:
    """Columns by a depthwise convolution with the constant 1/H: ONNX Runtime's ReduceMean over H is slow in NCHW."""
    if extent != "columns":
        return _mean(editor, source, extent, sizes)
    _, channels, height, _ = sizes
    kernel = torch.full((channels, 1, height, 1), 1 / height, dtype=source.meta["val"].dtype)
    return editor.call(_aten.conv2d.default, source, editor.constant(kernel), None, [1, 1], [0, 0], [1, 1], channels)


def _global_average(editor: Editor, source: Node, extent: Extent, sizes: Sequence[int]) -> Node:
    """The mean over a whole map, of a view in which each row, or each column of all rows, is one.

    ONNX Runtime computes GlobalAveragePool in INT8, but not ReduceMean (1.32).
    """
    batch, channels, height, width = sizes
    if extent == "map":
        return _mean(editor, source, extent, sizes)
    last = editor.call(_aten.permute.default, source, [0, 2, 3, 1])
    maps = [batch * height, 1, width, channels] if extent == "rows" else [batch, height, 1, width * channels]
    view = editor.call(_aten.reshape.default, last, maps)
    first = editor.call(_aten.permute.default, view, [0, 3, 1, 2])
    mean = editor.call(_aten.mean.dim, first, [2, 3], True)
    back = editor.call(_aten.permute.default, mean, [0, 2, 3, 1])
    _, _, rows, columns = canonical(extent, sizes)
    shaped = editor.call(_aten.reshape.default, back, [batch, rows, columns, channels])
    return editor.call(_aten.permute.default, shaped, [0, 3, 1, 2])


def _average_pool(editor: Editor, source: Node, extent: Extent, sizes: Sequence[int]) -> Node:
    """The pooling of a window as long as the axis: XNNPACK's in float16 is cheaper than its mean (LiteRT 1.4)."""
    _, _, height, width = sizes
    window = {"rows": [1, width], "columns": [height, 1]}.get(extent, [height, width])
    return editor.call(_aten.avg_pool2d.default, source, window)


_FORMS = {
    "mean": _mean,
    "convolution": _convolution,
    "global_average": _global_average,
    "average_pool": _average_pool,
}
