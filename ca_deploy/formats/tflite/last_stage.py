"""The last stages of a float flatbuffer."""

from typing import Any

from ai_edge_quantizer import qtyping

from ca_deploy.formats._last_stage import LastStages, Node
from ca_deploy.graphs import flatbuffer

_LAYERS = (*flatbuffer.WEIGHTED, "TRANSPOSE_CONV", "BATCH_MATMUL")
_QUANTISED = {kind.value for kind in qtyping.TFLOperationName}
_BOUNDED = ("LOGISTIC", "SOFTMAX")
_JOINS = ("CONCATENATION", "PACK")


def last_stages(model: Any) -> LastStages:
    """Those of the float outputs. An operator is named after its first result; a product of activations is no layer."""
    graph, floats = model.subgraphs[0], set(flatbuffer.activations(model))

    def named(indices: Any) -> tuple[str, ...]:
        return tuple(flatbuffer.tensor_name(model, index) for index in indices if index in floats)

    nodes = []
    for operator in graph.operators:
        kind = flatbuffer.operator_name(model, operator)
        has_constant = any(flatbuffer.constant(model, index) is not None for index in operator.inputs)
        nodes.append(
            Node(
                name=flatbuffer.tensor_name(model, operator.outputs[0]),
                kind=kind,
                takes=named(operator.inputs),
                gives=named(operator.outputs),
                layer=kind in _LAYERS and has_constant,
                bounded=kind in _BOUNDED,
                joins=kind in _JOINS,
            )
        )
    integer = [node for node in nodes if node.kind in _QUANTISED]
    return LastStages.of(nodes, named(graph.outputs), {name for node in integer for name in (*node.takes, *node.gives)})
