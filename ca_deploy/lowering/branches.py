"""Separate branches that are concatenated along a spatial axis, processed position-wise, and split again.

Coordinate Attention transposes its column averages, concatenates them with the row averages, applies one 1x1
convolution to both, and splits the result. Applying the convolution to each branch needs no transpose, concatenation
or split; the weights stay shared.
"""

import operator
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch.fx import GraphModule, Node

from ca_deploy.lowering._edit import value_of
from ca_deploy.lowering._operators import NORMS, is_1x1, is_per_channel, is_pointwise
from ca_deploy.lowering._symbolic import expression

_aten = torch.ops.aten
_SPLITS = {_aten.split_with_sizes.default, _aten.split.sizes}
_EQUAL_SPLITS = {_aten.split.Tensor, _aten.chunk.default}


@dataclass(frozen=True, slots=True)
class _Region:
    """From ``cat`` through the position-wise ``body`` (in order) to ``pieces``: (node, its source, branch index)."""

    cat: Node
    body: tuple[Node, ...]
    pieces: tuple[tuple[Node, Node, int], ...]


def run_branches_apart(graph_module: GraphModule) -> int:
    """Edit ``graph_module`` in place; equal up to float rounding. Returns the number of concatenations removed."""
    found = take_apart(graph_module, graph_module.graph.find_nodes(op="call_function", target=_aten.cat.default))
    if found:
        graph_module.graph.eliminate_dead_code()
        graph_module.recompile()
    return found


def take_apart(graph_module: GraphModule, nodes: Iterable[Node]) -> int:
    """The same for the concatenations among ``nodes``; what nothing uses any more stays in the graph."""
    regions = [_region(node) for node in nodes if node.target is _aten.cat.default]
    found = [region for region in regions if region is not None]
    for region in found:
        _take_apart(graph_module, region)
    return len(found)


def _region(cat: Node) -> _Region | None:
    parts, axis = (*_arguments(cat), 0)[:2]
    shape = cat.meta["val"].shape
    if len(shape) != 4 or axis not in (2, 3, -1, -2):
        return None
    axis %= 4
    lengths = [expression(part.meta["val"].shape[axis]) for part in parts]
    body: list[Node] = []
    pieces: list[tuple[Node, Node, int]] = []
    inside = {cat}
    for node in cat.graph.nodes:  # topological order: a node's inputs come before it
        if not inside & set(node.all_input_nodes):
            continue
        cut = _pieces(node, axis, lengths)
        if cut is not None:
            pieces += [(piece, node.all_input_nodes[0], branch) for piece, branch in cut]
        elif _position_wise(node, inside, shape[2:]):
            body.append(node)
            inside.add(node)
        else:
            return None
    return _Region(cat, tuple(body), tuple(pieces)) if pieces else None


def _pieces(node: Node, axis: int, lengths: list[Any]) -> list[tuple[Node, int]] | None:
    """(piece, branch index) for each piece if ``node`` splits exactly where the branches were joined, else None."""
    rest: list[Any] = [*_arguments(node)[1:], None]
    seams = [sum(lengths[:number]) for number in range(len(lengths) + 1)]
    if node.target in _SPLITS and [_size(part) for part in rest[0]] == lengths and rest[1] in (axis, axis - 4):
        return _items(node)
    if node.target in _EQUAL_SPLITS and rest[1] in (axis, axis - 4):
        given = [expression(part.shape[axis]) for part in node.meta["val"]]
        return _items(node) if given == lengths else None
    if node.target is _aten.slice.Tensor and rest[0] in (axis, axis - 4) and len(rest) == 4:
        start, end = _size(rest[1] or 0), _size(rest[2])
        known = isinstance(end, int) and isinstance(seams[-1], int)
        if end == sys.maxsize or (known and end > seams[-1]):
            end = seams[-1]
        found = [branch for branch in range(len(lengths)) if (start, end) == (seams[branch], seams[branch + 1])]
        return [(node, branch) for branch in found] or None
    return None


def _items(split: Node) -> list[tuple[Node, int]]:
    return [(user, _arguments(user)[1]) for user in split.users if user.target is operator.getitem]


def _size(given: Any) -> Any:
    """A size among a node's arguments, to compare."""
    return expression(given.meta["val"] if isinstance(given, Node) else given)


def _position_wise(node: Node, inside: set[Node], size: torch.Size) -> bool:
    """Whether ``node`` applies the same function to every position of a feature map independently."""
    arguments = _arguments(node)
    if node.target is operator.getitem:
        return arguments[0].target in NORMS and arguments[1] == 0
    if not isinstance(node.target, torch._ops.OpOverload) or node.target._schema.is_mutable:
        return False
    if node.target in NORMS:
        return arguments[0] in inside
    if node.target is _aten.conv2d.default:
        return is_1x1(node)
    if node.target is _aten.prelu.default:
        return arguments[0] in inside
    if not is_pointwise(node.target):
        return False
    return all(
        bool(operand.meta["val"].shape[2:] == size) if operand in inside else is_per_channel(operand)
        for operand in node.all_input_nodes
    )


def _take_apart(graph_module: GraphModule, region: _Region) -> None:
    graph = graph_module.graph
    for branch, part in enumerate(_arguments(region.cat)[0]):
        swapped = _swaps(part)
        twins = {region.cat: _arguments(part)[0] if swapped else part}

        def twin_of(operand: Node, known: dict[Node, Node] = twins) -> Node:
            return known.get(operand, operand)

        for node in region.body:
            with graph.inserting_after(node):
                twins[node] = graph.node_copy(node, twin_of)
            twins[node].meta = {**node.meta, "val": value_of(twins[node])}
        for piece, source, number in region.pieces:
            if number == branch:
                _replace(graph_module, piece, twins[source], swapped)


def _replace(graph_module: GraphModule, piece: Node, twin: Node, swapped: bool) -> None:
    """Replace ``piece`` by ``twin``, which has height and width exchanged if ``swapped``."""
    if not swapped:
        piece.replace_all_uses_with(twin)
        return
    for user in [user for user in piece.users if _swaps(user)]:
        user.replace_all_uses_with(twin)
        graph_module.graph.erase_node(user)
    if piece.users:
        with graph_module.graph.inserting_before(piece):
            swap = graph_module.graph.call_function(_aten.permute.default, (twin, [0, 1, 3, 2]))
        swap.meta = dict(piece.meta)
        piece.replace_all_uses_with(swap)


def _swaps(node: Node) -> bool:
    """Whether ``node`` exchanges height and width."""
    if node.target is _aten.permute.default:
        return [axis % 4 for axis in _arguments(node)[1]] == [0, 1, 3, 2]
    return node.target is _aten.transpose.int and {axis % 4 for axis in _arguments(node)[1:]} == {2, 3}


def _arguments(node: Node) -> Any:
    return node.args
