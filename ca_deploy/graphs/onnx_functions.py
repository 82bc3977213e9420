"""Functions of an ONNX model: runtimes and shape inference replace every call by the nodes of the function."""

from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import onnx

from ca_deploy.errors import ArtifactError
from ca_deploy.graphs.onnx_nodes import all_nodes

_MOST_NODES = 1_000_000  # large language models have some 100,000


def refuse_bomb(model: onnx.ModelProto, path: Path) -> None:
    """Refuse functions that cannot be expanded: thirty, each of which calls the one before twice, are a billion nodes.

    Raises:
        ArtifactError: a function calls itself, or the model has more than a million nodes when it is expanded.
    """
    if not model.functions:
        return
    calls = {
        (function.domain, function.name, function.overload): [
            (node.domain, node.op_type, node.overload) for node in all_nodes(function)
        ]
        for function in model.functions
    }
    sizes: dict[tuple[str, str, str], int] = {}
    try:
        for name in TopologicalSorter({name: calls.keys() & called for name, called in calls.items()}).static_order():
            sizes[name] = min(_MOST_NODES, sum(sizes.get(call, 1) for call in calls[name]))
    except CycleError as error:
        raise ArtifactError(
            f"{path} is invalid: its function {error.args[1][0][1]} calls itself, so it has no end. Export it again."
        ) from error
    if sum(sizes.get((node.domain, node.op_type, node.overload), 1) for node in all_nodes(model.graph)) >= _MOST_NODES:
        raise ArtifactError(
            f"{path} is refused: its {len(calls)} functions call each other so often that a runtime would make "
            f"{_MOST_NODES:,} nodes of it or more. Export it without functions."
        )
