"""The branches and bodies of ONNX's control flow stand in the graph; for TFLite's: tests/targets/test_whole.py."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ca_deploy import graphs
from ca_deploy.compat.check import check
from tests.onnx_models import onnx_file


def test_the_branches_of_control_flow_are_checked(tmp_path: Path) -> None:
    y = helper.make_tensor_value_info("t", TensorProto.FLOAT, [1])
    inner = helper.make_node("If", ["yes"], ["t"], then_branch=_branch("Relu", y), else_branch=_branch("Leaves", y))
    yes = numpy_helper.from_array(np.array(True), "yes")
    outer = helper.make_graph([inner], "outer", [], [y])
    node = helper.make_node("If", ["flag"], ["y"], then_branch=outer, else_branch=_branch("Identity", y), name="choice")
    before = helper.make_node("Cast", ["x"], ["flag"], to=TensorProto.BOOL)
    path = onnx_file(tmp_path / "model.onnx", [before, node], [1], initializer=[yes])
    graph = graphs.read(path)
    assert [node.operator for node in graph.nodes] == ["Cast", "If", "Identity", "If", "tea:Leaves", "Relu"]
    assert [node.scope for node in graph.nodes[2:4]] == ["choice else_branch", "choice then_branch"]
    assert graph.tensors[graph.nodes[1].inputs[-1]].name == "x"  # it waits for what its branches read
    (report,) = check(path, ["ort_nnapi"])
    assert len(report.nodes) == 6 and all("not used in branches" in node.reason for node in report.nodes[2:])
    assert "2 in the main graph" in report.notes[-2] and "known only at run time" in report.notes[-1]


def _branch(operator: str, result: onnx.ValueInfoProto) -> onnx.GraphProto:
    domain = "tea" if operator == "Leaves" else ""
    return helper.make_graph([helper.make_node(operator, ["x"], ["t"], domain=domain)], operator, [], [result])
