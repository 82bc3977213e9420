"""An edited module is a program again, with its weights, what it returns, and buffers of its own."""

import pytest
import torch
from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.fx import GraphModule

from ca_deploy.networks.relift import relifted


class Everything(nn.Module):
    """Weights of all kinds, two inputs, and outputs that are computed, taken and constant."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)
        self.register_buffer("kept", torch.full((3,), 2.0))
        self.register_buffer("not_kept", torch.full((3,), 3.0), persistent=False)
        self.plain = torch.full((3,), 5.0)

    def forward(self, x: Tensor, y: Tensor) -> dict[str, object]:
        inner = self.linear(x) * self.get_buffer("kept") + self.get_buffer("not_kept")
        return {"sum": inner + self.plain + y, "none": None, "number": 3, "taken": x}


class Counting(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("runs", torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        self.get_buffer("runs").add_(1)
        return x * self.get_buffer("runs")


class Branching(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = torch.cond(x.sum() > 0, lambda x: x + 1, lambda x: x - 1, (x,))
        return found


def edited(program: ExportedProgram) -> GraphModule:
    """The module with ten times its first linear layer's output."""
    module = program.module()
    assert isinstance(module, GraphModule)
    module.register_buffer("lowered_0", torch.tensor(10.0))
    (linear,) = module.graph.find_nodes(op="call_function", target=torch.ops.aten.linear.default)
    with module.graph.inserting_before(linear):
        ten = module.graph.get_attr("lowered_0")
    with module.graph.inserting_after(linear):
        times = module.graph.call_function(torch.ops.aten.mul.Tensor, (linear, ten))
    times.meta = dict(linear.meta)
    linear.replace_all_uses_with(times, lambda user: user is not times)
    module.recompile()
    return module


@pytest.mark.parametrize("decomposed", [False, True])
def test_the_program_does_what_the_module_does(decomposed: bool) -> None:
    x, y = torch.randn(2, 3), torch.randn(2, 3)
    program = torch.export.export(Everything(), (x, y))
    module = edited(program)
    again = relifted(module, program)
    if decomposed:
        again = again.run_decompositions({})
    expected, given = module(x, y), again.module()(x, y)
    assert given.keys() == expected.keys()
    torch.testing.assert_close(given["sum"], expected["sum"])
    assert (given["none"], given["number"]) == (None, 3)
    assert torch.equal(given["taken"], x)
    assert not torch.allclose(given["sum"], program.module()(x, y)["sum"])


def test_open_sizes_stay_open() -> None:
    batch = torch.export.Dim("batch")
    net = nn.Sequential(nn.Linear(3, 3), nn.ReLU())
    program = torch.export.export(net, (torch.randn(2, 3),), dynamic_shapes=({0: batch},))
    again = relifted(edited(program), program).run_decompositions({})
    x = torch.randn(7, 3)
    torch.testing.assert_close(again.module()(x), net[0](x).mul(10).relu())


@pytest.mark.parametrize("net", [Counting(), Branching()])
def test_what_is_more_than_operators_on_tensors_is_refused(net: nn.Module) -> None:
    program = torch.export.export(net, (torch.randn(3),)).run_decompositions({})
    module = program.module()
    assert isinstance(module, GraphModule)
    with pytest.raises(ValueError, match=r"is no tensor|zip"):
        relifted(module, program)
