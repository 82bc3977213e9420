"""Attention written for the runtime that it runs on: found by structure, chosen by measurement, proved each time.

:mod:`.find` finds maps that are multiplied by gates made of their own averages; :mod:`ca_deploy.lowering.rules`
chooses a form for each; :mod:`.prove` compares the form with the original in float64; :mod:`.rewrite` writes it. What
is between averages and gates stays as the network has it, but for its branches and its h-swish.
"""

import copy
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ca_deploy.errors import first_line
from ca_deploy.lowering._edit import drop_unused, without_content
from ca_deploy.lowering._operators import is_plain
from ca_deploy.lowering.gates.any_batch import has_any_batch, settle_batch
from ca_deploy.lowering.gates.block import Block
from ca_deploy.lowering.gates.find import block_at, find
from ca_deploy.lowering.gates.pools import is_pooling
from ca_deploy.lowering.gates.prove import NotProved, activations, prove
from ca_deploy.lowering.gates.rewrite import rewrite
from ca_deploy.records.lowering import AS_WRITTEN, LeftAlone, LoweredBlock, Lowering

if TYPE_CHECKING:
    import torch
    from torch.export import ExportedProgram
    from torch.fx import GraphModule, Node

    from ca_deploy.lowering.rules import Rules


def lower_program(
    program: "ExportedProgram | GraphModule", rules: "Rules", samples: "Sequence[torch.Tensor]"
) -> "tuple[GraphModule, Lowering]":
    """The module of a program with its blocks as ``rules`` choose, see :func:`lower`; as it is where there are none.

    A module that :func:`is_functional` may stand for its program, and is not edited. Where the number of samples is
    open, blocks are written for any, with proofs for several; ``samples`` are two then.
    """
    lowering = Lowering(rules.name)
    if any(is_pooling(node) for node in program.graph.nodes):
        try:
            graph_module = functional(program)
            any_batch = has_any_batch(graph_module.graph)
            by_sample = settle_batch(graph_module, samples) if any_batch else None
            lowering = lower(graph_module, rules, samples, by_sample)
            if lowering.changed:
                return graph_module, lowering
        except Exception as error:  # PyTorch's own passes fail on some programs, which are exported as they are
            lowering = Lowering(rules.name, failure=first_line(error))
    return _module_of(program), lowering


def functional(program: "ExportedProgram | GraphModule") -> "GraphModule":
    """The program as :func:`lower` takes it: without operations in place, and of few kinds; where no size is open, with
    values on the ``meta`` device."""
    from torch.export import ExportedProgram

    if isinstance(program, ExportedProgram) and not is_functional(program):  # otherwise: seconds, and no change
        program = program.run_decompositions({})
    graph_module = _module_of(program)
    drop_unused(graph_module.graph)
    values = {node: node.meta.get("val") for node in graph_module.graph.nodes}
    if all(isinstance(size, int) for value in values.values() for size in getattr(value, "shape", ())):
        for node, value in values.items():
            node.meta["val"] = without_content(value)
    return graph_module


def is_functional(program: "ExportedProgram | GraphModule") -> bool:
    """Whether nothing has to be decomposed in a program before :func:`lower` takes it."""
    return all(map(is_plain, program.graph.nodes))


def _module_of(program: "ExportedProgram | GraphModule") -> "GraphModule":
    """A module of its own, with the weights of the program."""
    from torch.fx import GraphModule

    if isinstance(program, GraphModule):
        return GraphModule(program, copy.deepcopy(program.graph))
    module = program.module()
    assert isinstance(module, GraphModule)
    return module


def lower(
    graph_module: "GraphModule",
    rules: "Rules",
    samples: "Sequence[torch.Tensor]",
    by_sample: "Collection[Node] | None" = None,
) -> Lowering:
    """Edit a traced network in place, each block as ``rules`` choose; one whose proof fails stays as written.

    ``graph_module`` is :func:`functional`. ``samples`` are inputs that the proofs take real activations from. Where
    their number is open, ``by_sample`` has the nodes whose first axis, and no other, goes with it.
    """
    any_batch = by_sample is not None
    blocks, left = find(graph_module.graph)
    if by_sample is not None:
        left += [
            LeftAlone(block.module, "the first axis of its map is not that of samples, whose number is open")
            for block in blocks
            if block.map not in by_sample
        ]
        blocks = [block for block in blocks if block.map in by_sample]
    chosen = {block: rules.choose(block) for block in blocks}
    maps = [block.map for block, rule in chosen.items() if rule.choice != AS_WRITTEN]
    seen = activations(graph_module, maps, samples) if maps else {}
    done = []
    for original, rule in chosen.items():
        block = block_at(original.product)  # the one before it may have got another end, which is its map
        assert isinstance(block, Block)
        gates, choice = tuple(gate.extent for gate in block.gates), rule.choice
        n, c, h, w = block.size
        size = (max(1, n // len(samples[0])) if any_batch else n, c, h, w)
        entry = LoweredBlock(block.module, size, gates, block.modules, AS_WRITTEN)
        if choice != AS_WRITTEN:
            try:
                proof = prove(graph_module, block, choice, seen[original.map], any_batch)
                entry = replace(entry, choice=choice, proof=proof, saves=rule.saves(size))
            except NotProved as error:
                entry = replace(entry, reason=f"{choice.text} was not proved: {error}")
            else:
                rewrite(graph_module, block.product, choice, any_batch)
        done.append(entry)
    graph_module.recompile()
    return Lowering(rules.name, tuple(done), tuple(left), measured=rules.measured)
