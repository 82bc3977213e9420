"""Attention written for the runtime that it runs on: found by structure, chosen by measurement, proved each time.

:mod:`.find` finds maps that are multiplied by gates made of their own averages; :mod:`ca_deploy.lowering.rules`
chooses a form for each; :mod:`.prove` compares the form with the original in float64; :mod:`.rewrite` writes it. What
is between averages and gates stays as the network has it, but for its branches and its h-swish.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ca_deploy.errors import first_line
from ca_deploy.lowering._edit import drop_unused
from ca_deploy.lowering._operators import is_plain
from ca_deploy.lowering.gates.block import Block
from ca_deploy.lowering.gates.find import block_at, find
from ca_deploy.lowering.gates.pools import is_pooling
from ca_deploy.lowering.gates.prove import NotProved, activations, prove
from ca_deploy.lowering.gates.rewrite import rewrite
from ca_deploy.records.lowering import AS_WRITTEN, LoweredBlock, Lowering

if TYPE_CHECKING:
    import torch
    from torch.export import ExportedProgram
    from torch.fx import GraphModule

    from ca_deploy.lowering.rules import Rules


def lower_program(
    program: "ExportedProgram", rules: "Rules", samples: "Sequence[torch.Tensor]"
) -> "tuple[ExportedProgram, Lowering]":
    """The program with its blocks as ``rules`` choose, see :func:`lower`; the same program where there are none."""
    import torch

    if not any(is_pooling(node) for node in program.graph.nodes):
        return program, Lowering(rules.name)
    try:
        graph_module = functional(program)
        lowering = lower(graph_module, rules, samples)
        return (torch.export.export(graph_module, tuple(samples)) if lowering.changed else program), lowering
    except Exception as error:  # PyTorch's own passes fail on some programs, which are exported as they are
        return program, Lowering(rules.name, failure=first_line(error))


def functional(program: "ExportedProgram") -> "GraphModule":
    """The program as :func:`lower` takes it: without operations in place, and of few kinds."""
    from torch.fx import GraphModule

    if not all(map(is_plain, program.graph.nodes)):  # otherwise it would take seconds and change nothing
        program = program.run_decompositions({})
    graph_module = program.module()
    assert isinstance(graph_module, GraphModule)
    drop_unused(graph_module.graph)
    return graph_module


def lower(graph_module: "GraphModule", rules: "Rules", samples: "Sequence[torch.Tensor]") -> Lowering:
    """Edit a traced network in place, each block as ``rules`` choose; one whose proof fails stays as written.

    ``graph_module`` is :func:`functional`. ``samples`` are inputs that the proofs take real activations from.
    """
    blocks, left = find(graph_module.graph)
    chosen = {block: rules.choose(block) for block in blocks}
    maps = [block.map for block, rule in chosen.items() if rule.choice != AS_WRITTEN]
    seen = activations(graph_module, maps, samples) if maps else {}
    done = []
    for original, rule in chosen.items():
        block = block_at(original.product)  # the one before it may have got another end, which is its map
        assert isinstance(block, Block)
        gates, choice = tuple(gate.extent for gate in block.gates), rule.choice
        entry = LoweredBlock(block.module, block.size, gates, block.modules, AS_WRITTEN)
        if choice != AS_WRITTEN:
            try:
                proof = prove(graph_module, block, choice, seen[original.map])
                entry = replace(entry, choice=choice, proof=proof, saves=rule.saves(block))
            except NotProved as error:
                entry = replace(entry, reason=f"{choice.text} was not proved: {error}")
            else:
                rewrite(graph_module, block.product, choice)
        done.append(entry)
    graph_module.recompile()
    return Lowering(rules.name, tuple(done), tuple(left), measured=rules.measured)
