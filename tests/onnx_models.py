"""ONNX models written node by node."""

from pathlib import Path

import onnx
from onnx import TensorProto, helper


def onnx_file(path: Path, nodes: list[onnx.NodeProto], shape: list[object], **more: object) -> Path:
    """``nodes`` from ``x``, a float tensor of this shape, to ``y``, whose shape is left open."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "g", [x], [y], **more)
    domains = {node.domain for node in nodes} - {""}
    opsets = [helper.make_opsetid("", 18), *(helper.make_opsetid(domain, 1) for domain in domains)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), path)
    return path
