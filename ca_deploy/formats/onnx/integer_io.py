"""INT8 input and output for a QDQ model: the caller quantises and dequantises."""

import onnx

from ca_deploy.errors import ModelError


def integer_io(model: onnx.ModelProto) -> None:
    """Remove the first QuantizeLinear and the last DequantizeLinear in place.

    Raises:
        ModelError: the first or the last operation of the network is not quantised.
    """
    graph = model.graph
    (image,), (logits,) = graph.input, graph.output
    first = [node for node in graph.node if image.name in node.input]
    last = [node for node in graph.node if logits.name in node.output]
    for nodes, kind, where in ((first, "QuantizeLinear", "first"), (last, "DequantizeLinear", "last")):
        if [node.op_type for node in nodes] != [kind]:
            found = ", ".join(node.name for node in nodes)
            raise ModelError(
                f"The {where} operation of this network ({found}) stays float, so input and output cannot be int8. "
                "Use a recipe with float32 input and output."
            )
    for tensor, node, inner in ((image, first[0], first[0].output[0]), (logits, last[0], last[0].input[0])):
        graph.node.remove(node)
        for other in graph.node:
            other.input[:] = [tensor.name if name == inner else name for name in other.input]
            other.output[:] = [tensor.name if name == inner else name for name in other.output]
        tensor.type.tensor_type.elem_type = onnx.TensorProto.INT8
