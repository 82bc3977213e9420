"""A program inside another module keeps the paths of its modules."""

import torch
from torch import Tensor, nn

from ca_deploy.networks.flat import Flat, Named
from ca_deploy.networks.program import program_of
from ca_deploy.records.module_path import WRAPPED, module_of


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.stem(x) + 1
        return found


def test_each_operation_keeps_its_module_behind_the_place_of_the_program() -> None:
    x = torch.randn(1, 3, 8, 8)
    inner = torch.export.export(Net().eval(), (x,)).module()
    before = [(node.name, dict(node.meta.get("nn_module_stack", {}))) for node in inner.graph.nodes]
    around = nn.Sequential(nn.Hardtanh(), inner)
    program = program_of(around, "net", [x])
    called = [(str(node.target), module_of(node)) for node in program.graph.nodes if node.op == "call_function"]
    assert called == [
        ("aten.hardtanh.default", "0"),
        ("aten.conv2d.default", "1.stem.0"),
        ("aten.relu.default", "1.stem.1"),
        ("aten.add.Tensor", "1"),
    ]
    torch.testing.assert_close(program.module()(x), around(x))
    assert before == [(node.name, dict(node.meta.get("nn_module_stack", {}))) for node in inner.graph.nodes]
    assert "forward" not in vars(inner)


def test_a_program_that_takes_its_tensors_by_name() -> None:
    x = torch.randn(1, 3, 8, 8)
    named = Named(Net().eval(), ["image"], ["found"])
    inner = torch.export.export(named, (), {"image": x}).module()
    program = program_of(Flat(inner, ["image"]), "net", [x])
    torch.testing.assert_close(program.module()(x), named.get_submodule(WRAPPED)(x))
