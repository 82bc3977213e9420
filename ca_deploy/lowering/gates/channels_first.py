"""What is between averages and gates in the layout of the map: ``(N, C, H, 1)`` for rows, ``(N, C, 1, W)`` for columns.

Networks turn columns into rows, drop axes of size 1, or put channels last for linear layers, and turn the results back.
All of that only moves values. What computes is written here on values that stay where the gates have them: linear
layers as 1x1 convolutions, and kernels turned in place of what they are applied to.
"""

import operator
from typing import Any

import torch
from torch.fx import GraphModule, Node
from torch.fx.node import map_arg

from ca_deploy.lowering._operators import CONVOLUTIONS, NORMS, VIEWS, is_per_channel, is_pointwise
from ca_deploy.lowering.gates.block import Block, Pool
from ca_deploy.lowering.gates.editor import Editor
from ca_deploy.lowering.gates.pool_forms import AXES
from ca_deploy.lowering.gates.pools import canonical

_aten = torch.ops.aten
_VIEWS = VIEWS | {
    _aten.unsqueeze.default,
    _aten.squeeze.default,
    _aten.squeeze.dim,
    _aten.squeeze.dims,
    _aten.contiguous.default,
    _aten.clone.default,
}
_MOVES = _VIEWS | {_aten.permute.default, _aten.transpose.int}
# Functions of a map ``(N, C, …)`` and of what they have for its channels.
_BY_CHANNEL = NORMS | {_aten.group_norm.default, _aten.native_group_norm.default, _aten.prelu.default}
_DEFAULTS = (None, None, None, [1], [0], [1], 1)  # of a convolution: input, weight, bias, stride, …, groups

# Which of (N, C, H, W) each axis of a value is; None where its size is 1.
_Axes = tuple[int | None, ...]


def write_channels_first(block: Block, graph_module: GraphModule) -> None:
    """Write the paths of a block's gates anew, if all of them can be and any is in another layout."""
    if any(node.target in _MOVES for node in block.path):
        twins = _Twins(block, graph_module)
        written = [twins.of_gate(gate.node) for gate in block.gates]
        for gate, twin in zip(block.gates, written, strict=True):
            if twin is not None and all(written):
                gate.node.replace_all_uses_with(twin)


class _Twins:
    """For the nodes of a path, others that hold the same values in the layout of the map."""

    def __init__(self, block: Block, graph_module: GraphModule) -> None:
        self._graph_module = graph_module
        self._constants: set[Node] = set()
        self._known = {pool.node: self._of_pool(pool, block) for pool in block.pools}
        for node in block.path:
            found = self._of(node)
            if found is not None and _holds(node, *found):
                self._known[node] = found

    def of_gate(self, gate: Node) -> Node | None:
        return self._known[gate][0] if gate in self._known and self._is_in_place(gate) else None

    def _of_pool(self, pool: Pool, block: Block) -> tuple[Node, _Axes]:
        wanted, given = canonical(pool.extent, block.size), _shape(pool.node)
        axes = _axes_of_view((0, 1, 2, 3), wanted, given)
        assert axes is not None
        editor = Editor(self._graph_module, pool.node.next, pool.node)
        if given == wanted:
            return pool.node, axes
        if pool.is_mean:
            return editor.call(_aten.mean.dim, block.map, AXES[pool.extent], True), axes
        return editor.call(_aten.reshape.default, pool.node, wanted), axes

    def _of(self, node: Node) -> tuple[Node, _Axes] | None:
        if all(given in self._constants for given in node.all_input_nodes):
            self._constants.add(node)
            return None
        if node.kwargs and node.target not in _MOVES:  # which may only say how values lie in memory
            return None
        if is_pointwise(node.target):
            return self._of_function(node)
        arguments: Any = node.args
        taken, *rest = arguments
        if taken not in self._known:
            return None
        twin, axes = self._known[taken]
        if node.target in _MOVES:
            moved = _moved(node, axes)
            return None if moved is None else (twin, moved)
        here = Editor(self._graph_module, node)
        if node.target is operator.getitem and taken.target in _BY_CHANNEL and rest == [0]:
            return here.call(operator.getitem, twin, 0), axes
        has_channels = _in_order(axes[:2]) and _shape(taken)[:2] == _shape(twin)[:2]
        if node.target in _BY_CHANNEL and has_channels:
            return here.call(node.target, twin, *rest), axes
        weight = rest[0] if rest else None
        if not (isinstance(weight, Node) and weight.op == "get_attr"):
            return None
        if node.target is _aten.linear.default and axes[-1] == 1:
            kernel = here.constant(here.value(weight)[:, :, None, None])
            return here.call(_aten.conv2d.default, twin, kernel, *rest[1:]), (*axes[:-1], _channels(node, -1))
        slides = node.target in CONVOLUTIONS and has_channels and 1 not in axes[2:]
        if slides and _shape(node)[2:] == _shape(taken)[2:]:
            return self._of_convolution(here, node, twin, axes[2:]), (axes[0], _channels(node, 1), *axes[2:])
        return None

    def _of_convolution(self, here: Editor, node: Node, twin: Node, places: _Axes) -> Node:
        """``places`` are those of the axes that the kernel slides along."""
        arguments: Any = (*node.args, *_DEFAULTS[len(node.args) :])
        _, weight, bias, *options, groups = arguments
        if len(places) == 2 and _in_order((0, 1, *places)):
            return here.call(node.target, twin, *node.args[1:])
        kernel = here.value(weight)
        kernel = kernel.transpose(2, 3) if len(places) == 2 else kernel.unsqueeze(2 if places[0] == 3 else 3)
        turned = (_turned(given, places, default) for given, default in zip(options, (1, 0, 1), strict=True))
        return here.call(_aten.conv2d.default, twin, here.constant(kernel), bias, *turned, groups)

    def _of_function(self, node: Node) -> tuple[Node, _Axes] | None:
        """Of each value, or of those of several that are broadcast."""
        twins: dict[Node, Node] = {}
        held: list[set[int]] = [set() for _ in _shape(node)]  # for each axis, what its operands have there
        for given in node.all_input_nodes:
            if given in self._known:
                twins[given], axes = self._known[given]
                for own, axis in zip(reversed(held), reversed(axes), strict=False):
                    own |= set() if axis is None else {axis}
            elif given in self._constants:
                twins[given] = given
            else:
                return None
        if any(len(own) > 1 for own in held):
            return None
        axes = tuple(min(own, default=None) for own in held)
        constants = [given for given in twins if given in self._constants and given.meta["val"].numel() > 1]
        if constants:  # are of the twins' channels where these have the very shapes
            moved = [given for given in twins if given in self._known and not self._is_in_place(given)]
            if moved or not all(map(is_per_channel, constants)):
                return None
            axes = tuple(None if size == 1 else place for place, size in enumerate(_shape(node)))
        return Editor(self._graph_module, node).call(node.target, *map_arg(node.args, twins.__getitem__)), axes

    def _is_in_place(self, node: Node) -> bool:
        twin, axes = self._known[node]
        return _in_order(axes) and _shape(twin) == _shape(node)


def _holds(node: Node, twin: Node, axes: _Axes) -> bool:
    """Whether ``twin`` can have the values of ``node``: each of its axes in one place, and no others."""
    if isinstance(twin.meta["val"], tuple | list):  # a norm with several results, the first of which is looked at
        return True
    given, wanted = _shape(twin), [1, 1, 1, 1]
    for axis, size in zip(axes, _shape(node), strict=True):
        if (axis is None) != (size == 1) or (axis is not None and wanted[axis] != 1):
            return False
        if axis is not None:
            wanted[axis] = size
    return given == wanted


def _moved(node: Node, axes: _Axes) -> _Axes | None:
    """The axes of a value that only moves one with ``axes``; None where a view joins or divides some."""
    rest: Any = node.args[1:]
    if node.target in _VIEWS:
        return _axes_of_view(axes, _shape(node.args[0]), _shape(node))
    order = list(range(len(axes)))
    if node.target is _aten.permute.default:
        order = rest[0]
    else:
        order[rest[0]], order[rest[1]] = order[rest[1]], order[rest[0]]
    return tuple(axes[place] for place in order)


def _axes_of_view(axes: _Axes, before: list[int], after: list[int]) -> _Axes | None:
    left = [(axis, size) for axis, size in zip(axes, before, strict=True) if size != 1]
    if [size for _, size in left] != [size for size in after if size != 1]:
        return None
    return tuple(None if size == 1 else left.pop(0)[0] for size in after)


def _in_order(axes: _Axes) -> bool:
    return all(axis in (None, place) for place, axis in enumerate(axes))


def _channels(node: Node, place: int) -> int | None:
    return None if _shape(node)[place] == 1 else 1


def _turned(given: Any, places: _Axes, default: int) -> list[int]:
    """An option of a convolution along ``places`` for ``(H, W)``."""
    if len(places) == 2:
        return list(reversed(given if len(given) == 2 else [*given, *given]))
    return [default, *given] if places[0] == 3 else [*given, default]


def _shape(node: Any) -> list[int]:
    return [int(size) for size in node.meta["val"].shape]
