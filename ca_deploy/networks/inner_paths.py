"""Traces a module around a program without losing the paths of the modules inside the program.

torch.export (2.14) keeps the module paths of a program that it traces itself, but not of one that another module calls:
such operations would all count to the call.
"""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn
from torch.fx import GraphModule, Interpreter, traceback


@contextmanager
def inner_paths(module: nn.Module) -> Iterator[None]:
    """While open, programs inside ``module`` are called node by node, each with its path from ``module`` on."""
    programs = list(_outermost(module, ""))
    kept = [(node, node.meta.get("nn_module_stack")) for program, _ in programs for node in program.graph.nodes]
    for program, path in programs:
        for node in program.graph.nodes:
            below = node.meta.get("nn_module_stack", {})
            root = {"": ("", f"{type(module).__module__}.{type(module).__qualname__}")}
            inside = {key: (f"{path}.{own}".rstrip("."), kind) for key, (own, kind) in below.items()}
            node.meta["nn_module_stack"] = {**root, **inside}
        program.forward = _interpreted(program)
    try:
        yield
    finally:
        for program, _ in programs:
            del program.forward
        for node, stack in kept:
            node.meta["nn_module_stack"] = stack or {}


def _interpreted(program: GraphModule) -> Callable[..., Any]:
    named = list(inspect.signature(program.forward).parameters)

    def forward(*args: Any, **named_args: Any) -> Any:
        given = (*args, *(named_args[name] for name in named[len(args) :]))
        with traceback.preserve_node_meta():
            return Interpreter(program).run(*given)

    return forward


def _outermost(module: nn.Module, path: str) -> Iterator[tuple[GraphModule, str]]:
    """The programs inside a module that is none, with their paths; not those that they call themselves."""
    for name, child in module.named_children() if not isinstance(module, GraphModule) else ():
        own = f"{path}.{name}".lstrip(".")
        if isinstance(child, GraphModule):
            yield child, own
        else:
            yield from _outermost(child, own)
