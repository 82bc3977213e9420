"""Pools, gates, product and projection in ``(H, W, C)``, where the channels of a position lie in memory together.

In NCHW, ONNX Runtime broadcasts a gate in spans of W: 6.8 instructions per element at W = 28, 25 at W = 7, and 1.8
where shapes are equal. Only the output of the projection, a sixth of the map, is transposed back.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch.fx import GraphModule, Node
from torch.fx.node import map_arg

from ca_deploy.lowering._operators import is_pointwise
from ca_deploy.lowering.gates.block import Block, Gate, Pool
from ca_deploy.lowering.gates.editor import Editor
from ca_deploy.lowering.gates.find import is_plain_1x1
from ca_deploy.lowering.gates.pool_forms import as_shaped
from ca_deploy.lowering.gates.pools import canonical
from ca_deploy.lowering.gates.weights import folded

_aten = torch.ops.aten


def write_channels_last(block: Block, graph_module: GraphModule) -> None:
    """Write a block that ``fits_channels_last`` anew, up to the end of its projection."""
    _, channels, height, width = block.size
    assert block.projection is not None
    editor = Editor(graph_module, block.pools[0].node)
    last = editor.call(_aten.permute.default, block.map, [0, 2, 3, 1])
    source = editor.call(_aten.reshape.default, last, [height, width, channels])
    means = {pool.node: _pooled(Editor(graph_module, pool.node), source, pool, block) for pool in block.pools}
    lines = _Lines(graph_module, means)
    editor, result = Editor(graph_module, block.product), source
    for gate in block.gates_in_order:
        result = editor.call(_aten.mul.Tensor, result, _factor(editor, lines.of(gate.node), gate, block))
    for pool in block.pools:  # for what could not be written in lines
        here = Editor(graph_module, pool.node)
        turned = here.call(_aten.permute.default, means[pool.node], [1, 0])
        in_nchw = here.call(_aten.reshape.default, turned, canonical(pool.extent, block.size))
        pool.node.replace_all_uses_with(as_shaped(here, in_nchw, pool))
    end = block.projection.end
    editor = Editor(graph_module, end, block.projection.convolution)
    weight, bias = folded(editor, block.projection.convolution, block.projection.norm)
    flat = editor.call(_aten.reshape.default, result, [height * width, channels])
    given = editor.call(_aten.linear.default, flat, editor.constant(weight.flatten(1)), editor.constant(bias))
    shaped = editor.call(_aten.reshape.default, given, [1, height, width, len(weight)])
    end.replace_all_uses_with(editor.call(_aten.permute.default, shaped, [0, 3, 1, 2]))


def _pooled(editor: Editor, source: Node, pool: Pool, block: Block) -> Node:
    """The means of ``source (H, W, C)`` as lines: ``(positions, C)``."""
    _, channels, height, width = block.size
    if pool.extent == "rows":
        return editor.call(_aten.mean.dim, source, [1])
    if pool.extent == "columns":  # a matrix product, because a mean over the first axis is slow
        flat = editor.call(_aten.reshape.default, source, [height, width * channels])
        share = torch.full((1, height), 1 / height, dtype=source.meta["val"].dtype)
        mean = editor.call(_aten.matmul.default, editor.constant(share), flat)
        return editor.call(_aten.reshape.default, mean, [width, channels])
    return editor.call(
        _aten.mean.dim, editor.call(_aten.reshape.default, source, [height * width, channels]), [0], True
    )


def _factor(editor: Editor, lines: Node, gate: Gate, block: Block) -> Node:
    """A gate as a factor of ``(H, W, C)``; one per row is copied along W."""
    _, channels, height, width = block.size
    own = int(lines.meta["val"].shape[1])
    if gate.extent != "rows":
        return editor.call(_aten.reshape.default, lines, [1, 1 if gate.extent == "map" else width, own])
    rows = editor.call(_aten.reshape.default, lines, [height, 1, own])
    return editor.call(_aten.expand.default, rows, [height, width, channels])


class _Lines:
    """Values of NCHW ``(1, C, positions, 1)`` or ``(1, C, 1, positions)`` as lines, ``(positions, C)``.

    1x1 convolutions become matrix products of lines; what neither these nor a function of each value is stays in NCHW.
    """

    def __init__(self, graph_module: GraphModule, known: Mapping[Node, Node]) -> None:
        self._graph_module, self._known = graph_module, dict(known)

    def of(self, node: Node) -> Node:
        if node not in self._known:
            self._known[node] = self._written(node) or self._turned(node)
        return self._known[node]

    def _written(self, node: Node) -> Node | None:
        editor = Editor(self._graph_module, node)
        if is_plain_1x1(node):
            weight, bias = folded(editor, node, None)
            taken: Any = node.args[0]
            constants = editor.constant(weight.flatten(1)), editor.constant(bias)
            return editor.call(_aten.linear.default, self.of(taken), *constants)
        target: Any = node.target
        shape = node.meta["val"].shape
        if (
            not is_pointwise(target)
            or node.kwargs
            or any(one.meta["val"].shape != shape for one in node.all_input_nodes)
        ):
            return None
        return editor.call(target, *map_arg(node.args, self.of))

    def _turned(self, node: Node) -> Node:
        (following, *_) = node.users
        editor = Editor(self._graph_module, following)
        channels = int(node.meta["val"].shape[1])
        flat = editor.call(_aten.reshape.default, node, [channels, node.meta["val"].numel() // channels])
        return editor.call(_aten.permute.default, flat, [1, 0])
