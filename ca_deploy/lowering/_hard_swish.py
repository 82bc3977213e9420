"""Recognise hard sigmoid and h-swish (arXiv 1905.02244) in their spellings."""

from typing import Any

import torch
from torch.fx import Node

_aten = torch.ops.aten
_ADD, _MUL, _DIV = _aten.add.Tensor, _aten.mul.Tensor, _aten.div.Tensor
_CLAMPS = {_aten.hardtanh.default, _aten.clamp.default, _aten.relu6.default}


def hard_swish_of(node: Node) -> Node | None:
    """x, if ``node`` is ``x * relu6(x + 3) / 6``, with the division at any place."""
    if node.target is _aten.hardswish.default:
        return _node(node.args[0])
    whole = _sixth_of(node)
    factors = whole.args if whole is not None and whole.target is _MUL else node.args if node.target is _MUL else ()
    if len(factors) != 2 or (whole is not None and len(whole.users) > 1):
        return None
    for x, gate in (factors, factors[::-1]):
        if isinstance(x, Node) and isinstance(gate, Node):
            source = relu6_of_3_more(gate) if whole is not None else hard_sigmoid_of(gate)
            if source is x:
                return x
    return None


def hard_sigmoid_of(node: Node) -> Node | None:
    """x, if ``node`` is ``hardsigmoid(x)``, or ``relu6(x + 3) / 6``, which nothing else uses a part of."""
    if node.target is _aten.hardsigmoid.default:
        return _node(node.args[0])
    clamp = _sixth_of(node)
    return relu6_of_3_more(clamp) if clamp is not None and len(clamp.users) == 1 else None


def relu6_of_3_more(clamp: Node) -> Node | None:
    """x, if ``clamp`` is ``relu6(x + 3)``."""
    if clamp.target not in _CLAMPS:
        return None
    limits = (0, 6) if clamp.target is _aten.relu6.default else clamp.args[1:]
    shifted = clamp.args[0]
    if limits != (0, 6) or not isinstance(shifted, Node) or shifted.target is not _ADD or shifted.kwargs:
        return None
    operands = shifted.args[::-1] if shifted.args[0] == 3 else shifted.args
    return _node(operands[0]) if operands[1] == 3 else None


def _sixth_of(node: Node) -> Node | None:
    """x, if ``node`` is ``x / 6``."""
    if node.target is _DIV and node.args[1] == 6:
        return _node(node.args[0])
    if node.target is _MUL and isinstance(node.args[1], float) and abs(node.args[1] * 6 - 1) < 1e-6:
        return _node(node.args[0])
    return None


def _node(value: Any) -> Node | None:
    return value if isinstance(value, Node) else None
