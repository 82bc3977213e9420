"""Prove a rewrite: the block alone, before and after, in float64, on a real activation and with lively gates."""

import copy
from collections.abc import Iterable

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx import Graph, GraphModule, Interpreter, Node
from torch.fx.passes.fake_tensor_prop import FakeTensorProp

from ca_deploy.errors import first_line
from ca_deploy.lowering._edit import tensor_at
from ca_deploy.lowering.gates.block import Block
from ca_deploy.lowering.gates.rewrite import rewrite
from ca_deploy.records.lowering import Choice, Proof

MOST_ERROR = 1e-9  # of the largest value; rounding gives 1e-14, a wrong form 1e-2 or more
LEAST_SPREAD = 0.01  # of gates: less, and a wrong one might go unseen
_SEED = 0


class NotProved(Exception):
    """A rewritten block gives other results, or cannot be compared; the message says which."""


def prove(graph_module: GraphModule, block: Block, choice: Choice, activation: Tensor) -> Proof:
    """Compare a block with its rewrite; ``activation (N, C, H, W)`` is what its map holds for a real input.

    Raises:
        NotProved: they differ by more than ``MOST_ERROR``, the gates hardly vary, or the rewrite does not fit.
    """
    taken = activation.double()
    try:
        alone, product, gates = _alone(graph_module, block, taken)
        error = _error(alone, product, choice, taken)
        lively, scaled = _with_random_weights(alone), taken / taken.std().clamp(min=1e-6)
        lively_error = _error(lively, product, choice, scaled)
        values = activations(lively, [_named(lively, gate) for gate in gates], [scaled]).values()
        spread = min(float(value.std()) for value in values)
    except Exception as failure:  # a graph that nobody thought of: no reason to lose the file
        raise NotProved(f"it does not fit this block ({first_line(failure)})") from failure
    if not max(error, lively_error) <= MOST_ERROR:  # not a number is no proof either
        raise NotProved(f"its error would be {max(error, lively_error):.1e} of the largest value, in float64")
    if not spread >= LEAST_SPREAD:
        raise NotProved(f"its gates hardly vary (standard deviation {spread:.1e}), so that a comparison proves nothing")
    return Proof(error, lively_error, spread)


def activations(graph_module: GraphModule, maps: Iterable[Node], samples: Iterable[Tensor]) -> dict[Node, Tensor]:
    """What ``maps`` hold for an input of the network."""
    seen = dict.fromkeys(maps)

    class Watch(Interpreter):
        def run_node(self, n: Node) -> object:
            result = super().run_node(n)
            if n in seen:
                seen[n] = result.detach().clone()
            return result

    with torch.no_grad():
        Watch(graph_module).run(*samples)
    return {node: value for node, value in seen.items() if value is not None}


def _alone(graph_module: GraphModule, block: Block, taken: Tensor) -> tuple[GraphModule, str, list[str]]:
    """The block as a network of its own, in float64, its map (like ``taken``) -> its end; and the names of its product
    and its gates there."""
    inside, pending = set(), [block.end]
    while pending:
        node = pending.pop()
        if node is not block.map and node not in inside:
            inside.add(node)
            pending += node.all_input_nodes
    graph = Graph()
    copies = {block.map: graph.placeholder("map")}
    for node in graph_module.graph.nodes:
        if node in inside:
            copies[node] = graph.node_copy(node, copies.__getitem__)
    graph.output(copies[block.end])
    paths = {str(node.target) for node in inside if node.op == "get_attr"}
    weights = {path: tensor_at(graph_module, path).clone() for path in paths}
    alone = GraphModule(weights, graph).double()
    FakeTensorProp(alone, FakeTensorMode(allow_non_fake_inputs=True)).propagate(taken)
    return alone, copies[block.product].name, [copies[gate.node].name for gate in block.gates]


def _with_random_weights(alone: GraphModule) -> GraphModule:
    """The same, with kernels that let its gates vary; what has one value per channel, as BatchNorm, keeps it."""
    lively, generator = copy.deepcopy(alone), torch.Generator().manual_seed(_SEED)
    for value in (*lively.parameters(), *lively.buffers()):
        if value.ndim > 1:
            fan_in = value[0].numel()
            value.data = torch.randn(value.shape, generator=generator, dtype=value.dtype) * (4 / fan_in) ** 0.5
    return lively


def _error(alone: GraphModule, product: str, choice: Choice, taken: Tensor) -> float:
    """The largest error of the rewritten block, relative to the largest value."""
    changed = copy.deepcopy(alone)
    rewrite(changed, _named(changed, product), choice)
    changed.recompile()
    with torch.no_grad():
        expected, found = alone(taken), changed(taken)
    return float((found - expected).abs().max() / expected.abs().max().clamp(min=torch.finfo(torch.float64).tiny))


def _named(graph_module: GraphModule, name: str) -> Node:
    found: Node = next(node for node in graph_module.graph.nodes if node.name == name)
    return found
