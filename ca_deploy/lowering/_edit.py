"""Edits of a traced network that several passes make."""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch.fx import Graph, GraphModule, Node
from torch.fx.node import map_arg

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


def fake_mode_of(node: Node) -> Any:
    """The mode that the value of a node, or of one of its results, belongs to."""
    value = node.meta["val"]
    return (value[0] if isinstance(value, tuple | list) else value).fake_mode


def value_of(node: Node) -> Any:
    """What a node gives, from what its inputs give, as tensors without content."""
    target: Any = node.target
    with fake_mode_of(node.all_input_nodes[0]):
        arguments, keywords = map_arg((node.args, node.kwargs), lambda given: given.meta["val"])
        return target(*arguments, **keywords)


def whole_axes(taken: Any, given: Any, count: int = 2) -> list[int]:
    """The last axes, ``count`` of them, that a pooling makes one value of; [] where it does something else."""
    sizes_in, sizes_out = ([expression(size) for size in value.shape[-count:]] for value in (taken, given))
    if not all(out in (1, full) for full, out in zip(sizes_in, sizes_out, strict=True)):
        return []
    return [place - count for place, out in enumerate(sizes_out) if out == 1]
