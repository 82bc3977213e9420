"""The subgraphs of a TFLite model: further signatures, and the branches and bodies of control flow."""

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import replace
from typing import Any

from ca_deploy.graphs import ABSENT, Graph
from ca_deploy.graphs.flatbuffer import operator_name

# Options of operators that name a subgraph by its position, and what the subgraph is to them.
_ROLES = {
    "thenSubgraphIndex": "then",
    "elseSubgraphIndex": "else",
    "condSubgraphIndex": "condition",
    "bodySubgraphIndex": "body",
    "initSubgraphIndex": "initialisation",
    "decompositionSubgraphIndex": "decomposition",
    "comparatorSubgraphIndex": "comparator",
    "updateComputationSubgraphIndex": "update",
    "subgraph": "callee",
    "branchSubgraphIndices": "branch",
}


def joined(parts: Sequence[Graph]) -> Graph:
    """One graph of several that share no tensors; positions of nodes and tensors continue from part to part."""
    first, *others = parts
    nodes, tensors, inputs, outputs = ([*getattr(first, name)] for name in ("nodes", "tensors", "inputs", "outputs"))
    for part in others:
        begin, shift = len(nodes), len(tensors)

        def moved(indices: Sequence[int], shift: int = shift) -> tuple[int, ...]:
            return tuple(index + shift if index != ABSENT else ABSENT for index in indices)

        nodes += [
            replace(node, index=node.index + begin, inputs=moved(node.inputs), outputs=moved(node.outputs))
            for node in part.nodes
        ]
        tensors += part.tensors
        inputs += moved(part.inputs)
        outputs += moved(part.outputs)
    return replace(
        first,
        nodes=tuple(nodes),
        tensors=tuple(tensors),
        inputs=tuple(inputs),
        outputs=tuple(outputs),
        missing=tuple(name for part in parts for name in part.missing),
    )


def scopes(model: Any) -> list[str]:
    """The name of each subgraph: its signature's, or its role in the operator that runs it.

    The main subgraph is "" unless the file has several signatures.
    """
    count = len(model.subgraphs)
    names = [""] * count
    by_signature = {s.subgraphIndex: _text(s.signatureKey) for s in reversed(model.signatureDefs or ())}
    if len(by_signature) > 1:
        for index, key in by_signature.items():
            names[index] = key
    for subgraph in model.subgraphs:
        for operator in subgraph.operators if subgraph.operators is not None else ():
            for role, index in _referenced(operator):
                if 0 < index < count and not names[index]:
                    names[index] = f"{operator_name(model, operator)} {role}"
    for index in range(1, count):
        names[index] = names[index] or _text(model.subgraphs[index].name) or "subgraph"
    repeated = {name for name in names if names.count(name) > 1}
    return [f"{name} {index}" if index and name in repeated else name for index, name in enumerate(names)]


def with_first(model: Any, index: int) -> Any:
    """The model with another subgraph as its main one, which is what an interpreter runs and lets be inspected."""
    if not index:
        return model
    order = [index, *(other for other in range(len(model.subgraphs)) if other != index)]
    places = {old: new for new, old in enumerate(order)}
    found = copy(model)
    found.subgraphs = [_with_references(model.subgraphs[old], places) for old in order]
    found.signatureDefs = []
    for signature in model.signatureDefs or ():
        found.signatureDefs.append(copy(signature))
        found.signatureDefs[-1].subgraphIndex = places[signature.subgraphIndex]
    return found


def _with_references(subgraph: Any, places: dict[int, int]) -> Any:
    found = copy(subgraph)
    found.operators = [copy(operator) for operator in (subgraph.operators if subgraph.operators is not None else ())]
    for operator in found.operators:
        for name in ("builtinOptions", "builtinOptions2"):
            options = getattr(operator, name, None)
            named = [field for field in _ROLES if getattr(options, field, None) is not None]
            if named:
                changed = copy(options)
                for field in named:
                    value = getattr(options, field)
                    renamed = (
                        places.get(value, value)
                        if isinstance(value, int)
                        else [places.get(int(v), int(v)) for v in value]
                    )
                    setattr(changed, field, renamed)
                setattr(operator, name, changed)
    return found


def _referenced(operator: Any) -> Iterator[tuple[str, int]]:
    """The subgraphs that an operator runs, each with its role."""
    for options in (operator.builtinOptions, getattr(operator, "builtinOptions2", None)):
        for field, role in _ROLES.items():
            value = getattr(options, field, None)
            if isinstance(value, int):
                yield role, value
            elif value is not None:
                yield from ((f"{role} {number}", int(index)) for number, index in enumerate(value))


def _text(name: Any) -> str:
    return name.decode(errors="replace") if isinstance(name, bytes) else str(name or "")
