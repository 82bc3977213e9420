"""INT8 inputs and outputs for a QDQ model: the caller quantises and dequantises."""

import onnx

from ca_deploy.errors import ModelError

_FLOAT = onnx.TensorProto.FLOAT


def integer_io(model: onnx.ModelProto) -> None:
    """Remove the first QuantizeLinear and the last DequantizeLinear of each float input and output, in place.

    Raises:
        ModelError: the first or the last operation of the network is not quantised.
    """
    graph = model.graph
    inputs, outputs = (
        [v for v in side if v.type.tensor_type.elem_type == _FLOAT] for side in (graph.input, graph.output)
    )
    first = {value.name: [node for node in graph.node if value.name in node.input] for value in inputs}
    last = {value.name: [node for node in graph.node if value.name in node.output] for value in outputs}
    for ends, kind, where in ((first, "QuantizeLinear", "first"), (last, "DequantizeLinear", "last")):
        for name, nodes in ends.items():
            if [node.op_type for node in nodes] != [kind]:
                found = ", ".join(node.name for node in nodes)
                raise ModelError(
                    f"The {where} operation of this network at {name!r} ({found}) stays float, so input and output "
                    "cannot be int8. Use a recipe with float32 input and output."
                )
    outer = {name: (node, node.output[0]) for name, (node,) in first.items()}
    outer |= {name: (node, node.input[0]) for name, (node,) in last.items()}
    for value in (*inputs, *outputs):
        node, inner = outer[value.name]
        if any(value.name in other.input for other in graph.node if other is not node):
            node.output[0] = f"{value.name}_float"  # an output that the network goes on with
            for other in graph.node:
                other.input[:] = [node.output[0] if name == value.name else name for name in other.input]
        else:
            graph.node.remove(node)
        for other in graph.node:
            other.input[:] = [value.name if name == inner else name for name in other.input]
            other.output[:] = [value.name if name == inner else name for name in other.output]
        value.type.tensor_type.elem_type = onnx.TensorProto.INT8
