"""Paths of a network's modules, without the module that ca-deploy wraps around it."""

WRAPPED = "ca_deploy_network"  # the attribute that holds the network itself


def within_network(path: str) -> str:
    """``features.0`` of ``ca_deploy_network.features.0``; "" is the network itself."""
    return ".".join(part for part in path.split(".") if part != WRAPPED)
