"""Adds nodes to a traced network, with the shapes and the module that they belong to."""

import itertools
from typing import Any

import torch
from torch import Tensor
from torch.fx import GraphModule, Node

from ca_deploy.lowering._edit import calls_like, constant_like, tensor_at, value_of

_PREFIX = "lowered_"


class Editor:
    """Adds calls before ``place``, which count to its module, or to that of ``origin``."""

    def __init__(self, graph_module: GraphModule, place: Node, origin: Node | None = None) -> None:
        self._graph_module, self._place, self._origin = graph_module, place, origin or place

    def call(self, target: Any, *args: Any) -> Node:
        """Add ``target(*args)``."""
        with self._graph_module.graph.inserting_before(self._place):
            made = calls_like(self._graph_module, self._origin)(target, *args)
        made.meta["val"] = value_of(made)
        return made

    def constant(self, value: Tensor) -> Node:
        """Add a tensor, stored once per content."""
        module, graph = self._graph_module, self._graph_module.graph
        alike = (
            name
            for name, known in module.named_buffers(recurse=False)
            if name.startswith(_PREFIX) and known.dtype == value.dtype and torch.equal(known, value)
        )
        name = next(alike, None)
        if name is None:
            numbers = itertools.count(sum(1 for _ in module.named_buffers(recurse=False)))
            name = next(one for one in (f"{_PREFIX}{number}" for number in numbers) if not hasattr(module, one))
            module.register_buffer(name, value.detach().clone().contiguous())
        with graph.inserting_before(self._place):
            made = graph.get_attr(name)
        made.meta = {**self._origin.meta, "val": constant_like(module.get_buffer(name), self._place)}
        return made

    def value(self, node: Node) -> Tensor:
        """The tensor of a weight: a node that reads an attribute."""
        return tensor_at(self._graph_module, str(node.target))
