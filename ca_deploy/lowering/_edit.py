"""Edits of a traced network that several passes make."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import Graph, GraphModule, Interpreter, Node
from torch.fx.node import map_aggregate, map_arg
from torch.utils._pytree import tree_leaves, tree_map_only

from ca_deploy.lowering._operators import is_pointwise
from ca_deploy.lowering._symbolic import expression

Call = Callable[..., Node]


def calls_like(graph_module: GraphModule, node: Node) -> Call:
    """A function that adds a call ``target, *args`` where the graph inserts, with the metadata of ``node``."""

    def call(target: Any, *args: Any) -> Node:
        made = graph_module.graph.call_function(target, args)
        made.meta = dict(node.meta)
        return made

    return call


def tensor_at(module: nn.Module, path: str) -> Tensor:
    """A parameter or buffer of a traced network, by the target of the node that reads it."""
    *folders, name = path.split(".")
    value = getattr(module.get_submodule(".".join(folders)), name)
    assert isinstance(value, Tensor)
    return value.detach()


def drop_unused(graph: Graph) -> None:
    """Erase what nothing uses; ``eliminate_dead_code``, which checks the whole graph too, takes ten times as long."""
    for node in reversed(graph.nodes):
        if not node.users and not node.is_impure():
            graph.erase_node(node)


def watched(graph_module: GraphModule, taken: Sequence[Tensor], see: Callable[[Node, Any], None]) -> Any:
    """Run a network node by node; ``see`` gets each and what it gives."""

    class Watch(Interpreter):
        def run_node(self, n: Node) -> object:
            result = super().run_node(n)
            see(n, result)
            return result

    with torch.no_grad():
        return Watch(graph_module).run(*taken)


def without_content(value: Any) -> Any:
    """Tensors of the same shapes on PyTorch's ``meta`` device, where most calls cost less than on fake tensors."""

    def described(given: Any) -> Any:
        if not isinstance(given, Tensor):
            return given
        return torch.empty_strided(given.shape, given.stride(), dtype=given.dtype, device="meta")

    return map_aggregate(value, described)


def constant_like(value: Tensor, node: Node) -> Any:
    """A tensor without content to calculate with beside the value of ``node``."""
    mode = _fake_mode_of(node)
    return without_content(value) if mode is None else mode.from_tensor(value, static_shapes=True)


def value_of(node: Node) -> Any:
    """What a node gives, from what its inputs give, as tensors without content."""
    target: Any = node.target
    arguments, keywords = map_arg((node.args, node.kwargs), lambda given: given.meta["val"])
    mode = _fake_mode_of(node.all_input_nodes[0])
    if mode is None and not keywords:
        described: Any = map_aggregate(arguments, _Described.of)
        return _value_of(target, *described)
    with mode or nullcontext():
        return target(*arguments, **keywords)


@dataclass(frozen=True, slots=True)
class _Described:
    """A tensor without content, as a key."""

    shape: torch.Size
    stride: tuple[int, ...]
    dtype: torch.dtype

    @classmethod
    def of(cls, given: Any) -> Any:
        return cls(given.shape, given.stride(), given.dtype) if isinstance(given, Tensor) else given

    @staticmethod
    def tensor(given: Any) -> Any:
        if not isinstance(given, _Described):
            return given
        return torch.empty_strided(given.shape, given.stride, dtype=given.dtype, device="meta")


@lru_cache(maxsize=1024, typed=True)
def _value_of(target: Any, *described: Any) -> Any:
    """``target`` of described tensors: a block and its proofs ask for the same, and so do many blocks."""
    arguments = map_aggregate(described, _Described.tensor)
    found = _of_each_value(target, arguments)
    return target(*arguments) if found is None else found


def _of_each_value(target: Any, arguments: Any) -> Tensor | None:
    """What a function of each value gives for tensors on ``meta``, on which PyTorch takes milliseconds for some."""
    taken = [one for one in tree_leaves(arguments) if isinstance(one, Tensor)]
    if not is_pointwise(target) or len({one.ndim for one in taken}) != 1:
        return None
    singles = tree_map_only(Tensor, lambda one: torch.ones((1,) * one.ndim, dtype=one.dtype), arguments)
    shape = torch.broadcast_shapes(*(one.shape for one in taken))
    return torch.empty(shape, dtype=target(*singles).dtype, device="meta")


def _fake_mode_of(node: Node) -> Any:
    """The mode that the value of a node, or of one of its results, belongs to; None of a real or ``meta`` tensor."""
    value = node.meta["val"]
    return getattr(value[0] if isinstance(value, tuple | list) else value, "fake_mode", None)


def whole_axes(taken: Any, given: Any, count: int = 2) -> list[int]:
    """The last axes, ``count`` of them, that a pooling makes one value of; [] where it does something else."""
    sizes_in, sizes_out = ([expression(size) for size in value.shape[-count:]] for value in (taken, given))
    if not all(out in (1, full) for full, out in zip(sizes_in, sizes_out, strict=True)):
        return []
    return [place - count for place, out in enumerate(sizes_out) if out == 1]
