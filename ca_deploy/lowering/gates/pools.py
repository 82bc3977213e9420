"""Recognise what takes one value per row, column or map of a feature map, in any spelling."""

import operator
from collections.abc import Sequence
from typing import Any

import torch
from torch.fx import Node

from ca_deploy.lowering._edit import whole_axes
from ca_deploy.lowering._operators import VIEWS
from ca_deploy.lowering.gates.block import Extent, Pool

_aten = torch.ops.aten
_ADAPTIVE = {_aten.adaptive_avg_pool2d.default, _aten.adaptive_avg_pool1d.default}
_AVERAGES = {_aten.avg_pool2d.default, _aten.avg_pool1d.default}
_LARGEST = {_aten.adaptive_max_pool2d.default, _aten.max_pool2d.default}
_REDUCTIONS = {_aten.sum.dim_IntList, _aten.amax.default}
_BY_AXES: dict[tuple[int, ...], Extent] = {(3,): "rows", (2,): "columns", (2, 3): "map"}


def is_pooling(node: Node) -> bool:
    """Whether a node is of a kind that pools, over whatever."""
    return node.target in _ADAPTIVE | _AVERAGES | _LARGEST | _REDUCTIONS | {_aten.mean.dim}


def pool_of(node: Node, feature_map: Node) -> Pool | None:
    """``node`` as a pool of ``feature_map (N, C, H, W)`` over whole axes; None where it is none."""
    if node.op != "call_function" or not node.all_input_nodes:
        return None
    if node.target is operator.getitem:  # (values, places of the maxima)
        inner = node.args[0]
        is_first = isinstance(inner, Node) and inner.target in _LARGEST and node.args[1] == 0
        return _pool(node, inner, feature_map, is_mean=False) if isinstance(inner, Node) and is_first else None
    if node.target is _aten.mean.dim or node.target in _ADAPTIVE | _AVERAGES:
        return _pool(node, node, feature_map, is_mean=True)
    return _pool(node, node, feature_map, is_mean=False) if node.target in _REDUCTIONS else None


def _pool(node: Node, operation: Node, feature_map: Node, is_mean: bool) -> Pool | None:
    source = operation.args[0]
    flat = isinstance(source, Node) and source.target in VIEWS and source.args[0] is feature_map
    if source is not feature_map and not flat:
        return None
    sizes = [int(size) for size in feature_map.meta["val"].shape]
    assert isinstance(source, Node)
    taken = [int(size) for size in source.meta["val"].shape]
    if flat and taken != [*sizes[:2], sizes[2] * sizes[3]]:
        return None
    axes = _axes(operation, len(taken))
    if flat and axes == (2,):
        axes = (2, 3)
    extent = _BY_AXES.get(axes)
    given = node.meta["val"].shape
    if extent is None or given.numel() != sizes[0] * sizes[1] * positions(extent, sizes):
        return None
    return Pool(node, extent, is_mean)


def positions(extent: Extent, sizes: Sequence[int]) -> int:
    """The number of values per channel of a pool of a map of ``sizes (N, C, H, W)``."""
    _, _, height, width = sizes
    return {"rows": height, "columns": width, "map": 1, "elements": height * width}[extent]


def canonical(extent: Extent, sizes: Sequence[int]) -> list[int]:
    """The shape of a gate: ``(N, C, H, 1)`` for rows, and so on."""
    batch, channels, height, width = sizes
    return [batch, channels, 1 if extent in ("columns", "map") else height, 1 if extent in ("rows", "map") else width]


def _axes(operation: Node, rank: int) -> tuple[int, ...]:
    """The axes that an operation reduces to one value, () where it does something else."""
    rest: Any = operation.args[1:]
    if operation.target is _aten.mean.dim or operation.target in _REDUCTIONS:
        chosen = rest[0] if rest else []
        listed = chosen if isinstance(chosen, list | tuple) else [chosen]
        return tuple(sorted(axis % rank for axis in listed))
    source = operation.args[0]
    assert isinstance(source, Node)
    value, taken = operation.meta["val"], source.meta["val"]
    if operation.target in _AVERAGES and not _whole(rest, taken.shape):
        return ()
    given = value[0] if isinstance(value, tuple | list) else value
    return tuple(axis % rank for axis in whole_axes(taken, given, rank - 2))


def _whole(rest: Sequence[Any], taken: torch.Size) -> bool:
    """Whether a pooling with these arguments after the first has windows of 1 or of a whole axis, and no padding."""
    kernel, _, padding, *_ = (*rest, [], 0)[:3]
    listed = list(kernel) if len(kernel) > 1 else list(kernel) * (len(taken) - 2)
    padded = any(padding) if isinstance(padding, list | tuple) else bool(padding)
    return not padded and all(size in (1, whole) for size, whole in zip(listed, taken[2:], strict=True))
