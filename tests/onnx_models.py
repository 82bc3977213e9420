"""ONNX models written node by node."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def onnx_file(path: Path, nodes: list[onnx.NodeProto], shape: list[object], **more: object) -> Path:
    """``nodes`` from ``x``, a float tensor of this shape, to ``y``, whose shape is left open."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "g", [x], [y], **more)
    domains = {node.domain for node in nodes} - {""}
    opsets = [helper.make_opsetid("", 18), *(helper.make_opsetid(domain, 1) for domain in domains)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), path)
    return path


def loop_and_branch(path: Path, rounds: int, side: int) -> Path:
    """``Sqrt`` in a loop, then ``Exp`` in a branch."""
    value = helper.make_tensor_value_info
    scalars = [value(name, kind, []) for name, kind in (("round", TensorProto.INT64), ("on", TensorProto.BOOL))]
    body = helper.make_graph(
        [helper.make_node("Sqrt", ["z"], ["w"], "again/Sqrt"), helper.make_node("Identity", ["on"], ["still"])],
        "body",
        [*scalars, value("z", TensorProto.FLOAT, None)],
        [value("still", TensorProto.BOOL, []), value("w", TensorProto.FLOAT, None)],
    )
    exp = helper.make_node("Exp", ["a"], ["w"], "choice/Exp")
    branch = helper.make_graph([exp], "branch", [], [value("w", TensorProto.FLOAT, None)])
    nodes = [
        helper.make_node("Loop", ["rounds", "on", "x"], ["a"], "again/Loop", body=body),
        helper.make_node("ReduceMax", ["a"], ["most"], "most/ReduceMax", keepdims=0),
        helper.make_node("Greater", ["most", "least"], ["c"], "most/Greater"),  # a constant would be folded
        helper.make_node("If", ["c"], ["y"], "choice/If", then_branch=branch, else_branch=branch),
    ]
    constants = {"rounds": np.array(rounds), "on": np.array(True), "least": np.array(-9, np.float32)}
    named = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    return onnx_file(path, nodes, [side, side], initializer=named)
