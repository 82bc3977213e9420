"""Write transposed convolutions without groups, and without padding that litert-torch cannot express.

litert-torch 0.10 only lowers those without groups whose result is their input times the stride, or that are not padded
("failed to legalize operation 'mhlo.convolution'"). Decoders use others: depthwise ones, and kernels of 3 with
``output_padding=1``.
"""

from typing import Any

import torch
from torch import Tensor
from torch.fx import GraphModule, Node

from ca_deploy.lowering._edit import calls_like

_aten = torch.ops.aten
# bias, stride, padding, output_padding, groups, dilation
_DEFAULTS: tuple[Any, ...] = (None, [1, 1], [0, 0], [0, 0], 1, [1, 1])


def plain_transposed_conv(graph_module: GraphModule) -> int:
    """Edit ``graph_module`` in place; exact. Returns the number of convolutions rewritten.

    Groups become zeros in the weights, which costs as many times more multiply-adds as there are groups. Padding
    becomes a slice of the unpadded result.
    """
    graph, rewritten = graph_module.graph, 0
    for node in graph.find_nodes(op="call_function", target=_aten.conv_transpose2d.input):
        arguments: tuple[Any, ...] = node.args
        x, weight, *given = arguments
        bias, stride, padding, output_padding, groups, dilation = (*given, *_DEFAULTS[len(given) :])
        if weight.op != "get_attr":
            continue
        kernel = _attribute(graph_module, weight.target)
        plain = [size - step == 2 * pad for size, step, pad in zip(kernel.shape[2:], stride, padding, strict=True)]
        is_cropped = any(output_padding) or (any(padding) and not all(plain))
        if (groups == 1 and not is_cropped) or any(o > p for o, p in zip(output_padding, padding, strict=True)):
            continue
        with graph.inserting_before(node):
            if groups > 1:
                weight = _add_weight(graph_module, weight, _without_groups(kernel, groups))
            sides: Any = ([0, 0], [0, 0]) if is_cropped else (padding, output_padding)
            call = calls_like(graph_module, node)
            result = call(_aten.conv_transpose2d.input, x, weight, bias, stride, *sides, 1, dilation)
            if is_cropped:
                for axis, pad, size in zip((2, 3), padding, node.meta["val"].shape[2:], strict=True):
                    result = call(_aten.slice.Tensor, result, axis, pad, pad + size)
        node.replace_all_uses_with(result)
        graph.erase_node(node)
        rewritten += 1
    if rewritten:
        graph.eliminate_dead_code()
        graph_module.recompile()
    return rewritten


def _add_weight(graph_module: GraphModule, like: Node, value: Tensor) -> Node:
    name = f"{str(like.target).replace('.', '_')}_dense"
    graph_module.register_buffer(name, value)
    made = graph_module.graph.get_attr(name)
    made.meta = {**like.meta, "val": value}
    return made


def _without_groups(weight: Tensor, groups: int) -> Tensor:
    """``(inputs, outputs / groups, …)`` -> ``(inputs, outputs, …)``, with zeros between the groups."""
    inputs, each = weight.shape[:2]
    dense = weight.new_zeros(inputs, each * groups, *weight.shape[2:])
    for group in range(groups):
        rows = slice(group * inputs // groups, (group + 1) * inputs // groups)
        dense[rows, group * each : (group + 1) * each] = weight.detach()[rows]
    return dense


def _attribute(module: torch.nn.Module, path: Any) -> Tensor:
    parent, _, name = str(path).rpartition(".")
    found: Tensor = getattr(module.get_submodule(parent), name)
    return found
