"""Outputs that no input changes: anchors, a grid of positions, a version number."""

from typing import TYPE_CHECKING

import torch
from torch.fx import Node

from ca_deploy.networks.program import program_of
from ca_deploy.networks.prove import examples

if TYPE_CHECKING:
    from ca_deploy.networks.source import Network


def constant_outputs(network: "Network") -> tuple[str, ...]:
    """The names of the outputs that follow from no input, by the network's graph.

    It is only traced, which takes seconds, where an output was the same for two inputs.

    Raises:
        ModelError: torch.export cannot trace the network.
    """
    signature = network.signature
    with torch.inference_mode():
        one, other = (_tuple(network.module(*examples(signature.inputs, seed=seed))) for seed in (0, 1))
    same = [torch.equal(first, second) for first, second in zip(one, other, strict=True)]
    if not any(same):
        return ()
    graph = program_of(network.module, network.name, network.examples()).module().graph
    moved = set[Node]()
    for node in graph.nodes:
        if node.op == "placeholder" or not moved.isdisjoint(node.all_input_nodes):
            moved.add(node)
    returned = graph.output_node().args[0]
    given = returned if isinstance(returned, tuple | list) else (returned,)
    return tuple(output.name for output, node in zip(signature.outputs, given, strict=True) if node not in moved)


def _tuple(given: "torch.Tensor | tuple[torch.Tensor, ...]") -> "tuple[torch.Tensor, ...]":
    return given if isinstance(given, tuple) else (given,)
