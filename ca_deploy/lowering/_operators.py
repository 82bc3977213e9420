"""Operators that several passes look for in a traced network."""

from typing import Any

import torch
from torch.fx import Node

_aten = torch.ops.aten

EXPANDS = {_aten.expand.default, _aten.expand_as.default, _aten.broadcast_to.default}
CONVOLUTIONS = {_aten.conv2d.default, _aten.conv1d.default}
VIEWS = {_aten.view.default, _aten.reshape.default, _aten._unsafe_view.default, _aten.flatten.using_ints}
MULTIPLIES = {_aten.mul.Tensor, _aten.multiply.Tensor}
NORMS = {_aten.batch_norm.default, _aten._native_batch_norm_legit_no_training.default}  # BatchNorm in evaluation mode
_UNTAGGED = {_aten.hardswish.default, _aten._prelu_kernel.default, *MULTIPLIES}  # as torch.Tag.pointwise (2.13)
_KNOWN_COMPOSITIONS = {
    *CONVOLUTIONS,
    _aten.batch_norm.default,
    _aten.linear.default,
    _aten.dropout.default,
    _aten.flatten.using_ints,
    _aten.adaptive_avg_pool2d.default,
}


def is_plain(node: Node) -> bool:
    """Whether a node writes into none of its inputs and is no composition, of which there is no end; but for those that
    all passes know."""
    operator = node.target
    if not isinstance(operator, torch._ops.OpOverload) or operator in _KNOWN_COMPOSITIONS:
        return True
    composed = operator.has_kernel_for_dispatch_key(torch._C.DispatchKey.CompositeImplicitAutograd)
    return not (composed or operator._schema.is_mutable)


def is_pointwise(target: object) -> bool:
    """Whether an operator takes each value alone, or values in the same place of several tensors that are broadcast."""
    return target in _UNTAGGED or torch.Tag.pointwise in getattr(target, "tags", ())


def is_1x1(node: Node, groups: int | None = None) -> bool:
    """Whether a node is a convolution of each position alone; of that many groups, if it is given."""
    if node.target is not _aten.conv2d.default:
        return False
    weight: Any = node.args[1]
    plain = [(1, 1), (0, 0), (1, 1)]
    options = [tuple(value) for value in node.args[3:6]]  # type: ignore[arg-type]
    in_groups = node.args[6] if len(node.args) > 6 else 1
    same = options == plain[: len(options)] and groups in (None, in_groups)
    return same and tuple(weight.meta["val"].shape[2:]) == (1, 1)


def is_per_channel(operand: Node) -> bool:
    """Whether what a function takes besides a map ``(N, C, H, W)`` is one value, or one for each of its channels."""
    shape = operand.meta["val"].shape
    return bool(shape.numel() == 1 or (len(shape) > 2 and shape[-2:] == (1, 1)))
