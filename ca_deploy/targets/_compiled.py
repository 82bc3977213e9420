"""Operators into which a compiler has put a part of a model for an accelerator; no other runtime has them."""

from collections.abc import Iterator

from ca_deploy.graphs import Graph

_COMPILED = {"edgetpu-custom-op": ("the Edge TPU", "edgetpu_compiler"), "ethos-u": ("Arm's Ethos-U", "Vela")}


def compiled_for(operator: str) -> tuple[str, str]:
    """Why a custom operator is in a file, and what to do where its accelerator is absent; "" for any other operator."""
    if operator not in _COMPILED:
        return "", ""
    accelerator, compiler = _COMPILED[operator]
    return (
        f"compiled for {accelerator} by {compiler}: only that accelerator runs this part",
        "Check, compare and measure the file that was compiled.",
    )


def notes(graph: Graph) -> Iterator[str]:
    """What holds for a whole file that was compiled."""
    for operator, (accelerator, compiler) in _COMPILED.items():
        parts = sum(node.operator == operator for node in graph.nodes)
        if parts:
            left = len(graph.nodes) - parts
            yield f"Compiled for {accelerator} by {compiler}: {parts} of its operators on it, {left} on the CPU."
