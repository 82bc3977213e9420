"""Means over whole maps as GlobalAveragePool, which ONNX Runtime computes in INT8; ReduceMean it does not (1.32)."""

import onnx
from onnx import helper, numpy_helper

_MAP = [2, 3]


def average_whole_maps(model: onnx.ModelProto) -> int:
    """Edit a float model in place; the same operation by another name. Returns the number of means replaced."""
    graph = model.graph
    constants = {constant.name: constant for constant in graph.initializer}
    known = {value.name: value for value in (*graph.value_info, *graph.input, *graph.output)}
    nodes, replaced = [], 0
    for node in graph.node:
        nodes.append(node)
        taken = known.get(node.input[0]) if node.op_type == "ReduceMean" else None
        axes = constants.get(node.input[1]) if len(node.input) > 1 else None
        if taken is None or axes is None or len(taken.type.tensor_type.shape.dim) != 4:
            continue
        if sorted(int(axis) % 4 for axis in numpy_helper.to_array(axes).ravel()) != _MAP:
            continue
        if any(attribute.name == "keepdims" and not attribute.i for attribute in node.attribute):
            nodes.append(_flattened(graph, node, taken))
        node.op_type = "GlobalAveragePool"
        node.name = node.name.replace("ReduceMean", "GlobalAveragePool")
        del node.input[1:], node.attribute[:]
        replaced += 1
    del graph.node[:]
    graph.node.extend(nodes)
    return replaced


def _flattened(graph: onnx.GraphProto, mean: onnx.NodeProto, taken: onnx.ValueInfoProto) -> onnx.NodeProto:
    """A node that makes ``(N, C)`` of the ``(N, C, 1, 1)`` that ``mean`` gives from now on."""
    (given,) = mean.output
    mean.output[0] = f"{given}_map"
    value = graph.value_info.add()
    value.CopyFrom(taken)
    value.name = mean.output[0]
    for side in value.type.tensor_type.shape.dim[2:]:
        side.dim_value = 1
    flat = helper.make_node("Flatten", [mean.output[0]], [given], name=f"{mean.name}_Flatten", axis=1)
    flat.metadata_props.extend(mean.metadata_props)
    return flat
