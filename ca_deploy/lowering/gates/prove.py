"""Prove a rewrite: the block alone, before and after, in float64, on a real activation and with lively gates."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.fx import Graph, GraphModule, Interpreter, Node

from ca_deploy.errors import first_line
from ca_deploy.lowering._edit import tensor_at, watched, without_content
from ca_deploy.lowering.gates.block import Block
from ca_deploy.lowering.gates.rewrite import rewrite
from ca_deploy.records.lowering import Choice, Proof

MOST_ERROR = 1e-9  # of the largest value; rounding gives 1e-14, a wrong form 1e-2 or more
LEAST_SPREAD = 0.01  # of gates: less, and a wrong one might go unseen
_SEED = 0


class NotProved(Exception):
    """A rewritten block gives other results, or cannot be compared; the message says which."""


def prove(
    graph_module: GraphModule, block: Block, choice: Choice, activation: Tensor, any_batch: bool = False
) -> Proof:
    """Compare a block with its rewrite; ``activation (N, C, H, W)`` is what its map holds for a real input.

    ``any_batch``: also for one sample, and for one more.

    Raises:
        NotProved: they differ by more than ``MOST_ERROR``, the gates hardly vary, or the rewrite does not fit.
    """
    taken = activation.double()
    try:
        error, _ = _compared(_alone(graph_module, block, lively=False), choice, taken, any_batch)
        scaled = taken / taken.std().clamp(min=1e-6)
        lively_error, spread = _compared(_alone(graph_module, block, lively=True), choice, scaled, any_batch)
    except Exception as failure:  # a graph that nobody thought of: no reason to lose the file
        raise NotProved(f"it does not fit this block ({first_line(failure)})") from failure
    worst = float(torch.tensor([error, lively_error]).max())  # not a number where one is none: no proof either
    if not worst <= MOST_ERROR:
        raise NotProved(f"its error would be {worst:.1e} of the largest value, in float64")
    if not spread >= LEAST_SPREAD:
        raise NotProved(f"its gates hardly vary (standard deviation {spread:.1e}), so that a comparison proves nothing")
    return Proof(error, lively_error, spread)


def activations(graph_module: GraphModule, maps: Iterable[Node], samples: Sequence[Tensor]) -> dict[Node, Tensor]:
    """What ``maps`` hold for an input of the network."""
    wanted = set(maps)
    seen: dict[Node, Tensor] = {}

    def see(node: Node, value: Any) -> None:
        if node in wanted:
            seen[node] = value.detach().clone()

    watched(graph_module, samples, see)
    return seen


@dataclass(frozen=True)
class _Alone:
    """A block as a network of its own, its map -> its end, in float64."""

    network: GraphModule
    product: Node
    gates: tuple[Node, ...]


def _alone(graph_module: GraphModule, block: Block, lively: bool) -> _Alone:
    """``block`` with its own weights, or ``lively``: with random ones, which let its gates vary."""
    inside, pending = set(), [block.end]
    while pending:
        node = pending.pop()
        if node is not block.map and node not in inside:
            inside.add(node)
            pending += node.all_input_nodes
    network = GraphModule({}, Graph())  # interpreted only: to write its code takes as long as to run it
    graph, generator = network.graph, torch.Generator().manual_seed(_SEED)
    copies = {block.map: graph.placeholder("map")}
    for node in graph_module.graph.nodes:
        if node in inside:
            copies[node] = graph.node_copy(node, copies.__getitem__)
            if node.op == "get_attr":
                weight = _in_double(tensor_at(graph_module, str(node.target)))
                copies[node].target = name = f"weight_{len(copies)}"
                network.register_buffer(name, _random_like(weight, generator) if lively else weight)
    graph.output(copies[block.end])
    gates = tuple(copies[gate.node] for gate in block.gates)
    return _Alone(network, copies[block.product], gates)


def _in_double(weight: Tensor) -> Tensor:
    return weight.double() if weight.is_floating_point() else weight


def _random_like(weight: Tensor, generator: torch.Generator) -> Tensor:
    """A random kernel; what has one value per channel, as BatchNorm, and is no float keeps its values."""
    if weight.ndim < 2 or not weight.is_floating_point():
        return weight
    deviation = math.sqrt(4 / weight[0].numel())
    return torch.randn(weight.shape, generator=generator, dtype=weight.dtype) * deviation


def _compared(alone: _Alone, choice: Choice, taken: Tensor, any_batch: bool) -> tuple[float, float]:
    """Rewrite ``alone``; the largest error then, relative to the largest value, and the spread of its gates before."""
    spreads = []

    def see(node: Node, value: Any) -> None:
        node.meta["val"] = without_content(value)
        if node in alone.gates:
            spreads.append(value.double().std())  # a gate may be of 0 and 1 only, in booleans

    several = [taken, taken[:1], torch.cat([taken, taken[:1]])] if any_batch else [taken]
    with torch.no_grad():
        others = [Interpreter(alone.network).run(more) for more in several[1:]]
        expected = [watched(alone.network, [taken], see), *others]
        rewrite(alone.network, alone.product, choice, any_batch)
        found = [Interpreter(alone.network).run(more) for more in several]
    errors = [_error(*both) for both in zip(found, expected, strict=True)]
    return float(torch.stack(errors).max()), float(torch.stack(spreads).min())


def _error(found: Tensor, expected: Tensor) -> Tensor:
    if found.shape != expected.shape:
        raise ValueError(f"it gives {tuple(found.shape)} instead of {tuple(expected.shape)}")
    return (found - expected).abs().max() / expected.abs().max().clamp(min=torch.finfo(torch.float64).tiny)
