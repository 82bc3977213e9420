"""Weights of a traced network, changed in double precision."""

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.fx import GraphModule, Node

from ca_deploy.lowering._operators import CONVOLUTIONS
from ca_deploy.lowering.gates.editor import Editor
from ca_deploy.lowering.gates.find import norm_after


def folded(editor: Editor, convolution: Node, norm: Node | None) -> tuple[Tensor, Tensor]:
    """Kernel ``(out, in, …)`` and bias ``(out,)`` of a convolution, with the BatchNorm after it folded in."""
    _, kernel, *rest = convolution.args
    weight = _double(editor, kernel)
    given = rest[0] if rest else None
    bias = torch.zeros(len(weight), dtype=torch.float64) if given is None else _double(editor, given)
    dtype = convolution.meta["val"].dtype
    if norm is None:
        return weight.to(dtype), bias.to(dtype)
    _, gamma, beta, mean, variance, *options = norm.args
    epsilon = next(value for value in reversed(options) if isinstance(value, float))
    scale = torch.rsqrt(_double(editor, variance) + epsilon)
    scale = scale if gamma is None else scale * _double(editor, gamma)
    shift = (bias - _double(editor, mean)) * scale
    shift = shift if beta is None else shift + _double(editor, beta)
    return (weight * scale.reshape(-1, *[1] * (weight.ndim - 1))).to(dtype), shift.to(dtype)


def fold_norms(graph_module: GraphModule, nodes: Iterable[Node]) -> None:
    """Fold each BatchNorm among ``nodes`` into the convolution before it, which alone uses its weights.

    Converters do so too, but not where two convolutions share the weights.
    """
    for convolution in nodes:
        found = norm_after(convolution) if convolution.target in CONVOLUTIONS else None
        if found is not None and all(weight.op == "get_attr" for weight in convolution.all_input_nodes[1:]):
            norm, end = found
            editor = Editor(graph_module, norm, convolution)
            weight, bias = folded(editor, convolution, norm)
            taken, _, *rest = convolution.args
            arguments = (taken, editor.constant(weight), editor.constant(bias), *rest[1:])
            end.replace_all_uses_with(editor.call(convolution.target, *arguments))


def divide_weights(graph_module: GraphModule, convolution: Node, by: int) -> None:
    """Divide the kernel of a convolution, and not its bias: what it takes is ``by`` times as large."""
    editor = Editor(graph_module, convolution)
    taken, weight, *rest = convolution.args
    assert isinstance(weight, Node)
    value = editor.value(weight)
    convolution.args = (taken, editor.constant((value.double() / by).to(value.dtype)), *rest)


def _double(editor: Editor, node: object) -> Tensor:
    assert isinstance(node, Node)
    return editor.value(node).double()
