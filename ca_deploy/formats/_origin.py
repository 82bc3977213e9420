"""Where in a network an operation of its torch.export program comes from."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def place_of(node: "torch.fx.Node") -> str:
    """The innermost module of an operation, in words for a message."""
    modules = [path for path, _ in node.meta.get("nn_module_stack", {}).values() if path]
    return f"in its module {modules[-1]!r}" if modules else "in its forward"
