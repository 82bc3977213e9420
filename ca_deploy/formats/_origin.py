"""Where in a network an operation of its torch.export program comes from."""

from typing import TYPE_CHECKING

from ca_deploy.records.module_path import module_of

if TYPE_CHECKING:
    import torch


def place_of(node: "torch.fx.Node") -> str:
    """The innermost module of an operation, in words for a message."""
    module = module_of(node)
    return f"in its module {module!r}" if module else "in its forward"
