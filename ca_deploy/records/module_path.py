"""Paths of a network's modules, without the module that ca-deploy wraps around it."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch.fx import Node

WRAPPED = "ca_deploy_network"  # the attribute that holds the network itself
DETECTIONS = "head:nms"  # stands for the path of what a format adds to find detections; no module can be called so
DETECTION_NAMES = "head_nms_"  # their names begin so in Core ML, which has no paths, and no colon in names


def within_network(path: str) -> str:
    """``features.0`` of ``ca_deploy_network.features.0``; "" is the network itself."""
    return ".".join(part for part in path.split(".") if part != WRAPPED)


def module_of(node: "Node") -> str:
    """The path of the innermost module that a traced operation comes from; "" where it is in the network's forward."""
    return next(reversed(modules_around(node)), "")


def modules_around(node: "Node") -> list[str]:
    """The paths of all modules that a traced operation is called in, from the outermost on; not the network itself."""
    paths = (within_network(path) for path, _ in node.meta.get("nn_module_stack", {}).values())
    return list(dict.fromkeys(path for path in paths if path))
