"""Core ML's lowering, proved in float64: branches run apart, hard sigmoids in one operator, nothing else touched."""

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.fx import GraphModule

from ca_deploy.lowering.branches import run_branches_apart
from ca_deploy.lowering.coreml import lower_for_coreml
from ca_deploy.lowering.coreml_hard_swish import hard_sigmoid_in_one
from ca_deploy.models.coord_attention import CoordAttention, HardSwish
from tests.lowering.test_drop_redundant_expand import AuthorsBlock

_aten = torch.ops.aten


def trace(module: nn.Module, x: Tensor) -> GraphModule:
    graph_module = torch.export.export(module.eval(), (x,)).module()
    assert isinstance(graph_module, GraphModule)
    return graph_module


def targets(graph_module: GraphModule) -> list[object]:
    return [node.target for node in graph_module.graph.nodes if node.op == "call_function"]


def image(height: int = 6, width: int = 9) -> Tensor:
    return 3 * torch.randn(1, 16, height, width, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def randomised(module: nn.Module) -> nn.Module:
    torch.manual_seed(1)
    for value in (*module.parameters(), *module.buffers()):
        if value.is_floating_point():
            nn.init.uniform_(value.data, 0.2, 1)
    return module.double()


@pytest.mark.parametrize("block", [CoordAttention, AuthorsBlock])
@pytest.mark.parametrize("size", [(6, 9), (7, 7)])
def test_attention_has_no_transpose_concatenation_or_split(
    block: Callable[[int], nn.Module], size: tuple[int, int]
) -> None:
    module, x = randomised(block(16)), image(*size)
    graph_module = trace(module, x)
    assert lower_for_coreml(graph_module) > 0
    found = targets(graph_module)
    assert not {_aten.permute.default, _aten.cat.default, _aten.split_with_sizes.default} & set(found)
    assert found.count(_aten.hardsigmoid.default) == found.count(_aten.sigmoid.default) == 2
    assert not {_aten.add.Tensor, _aten.div.Tensor, _aten.hardtanh.default} & set(found)
    torch.testing.assert_close(graph_module(x), module(x), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize(
    ("activation", "changed"),
    [
        (HardSwish(), 1),
        (nn.Hardswish(), 1),
        (nn.ReLU6(), 0),
        (nn.Hardtanh(-1, 1), 0),
    ],
)
def test_hard_swish_is_a_hard_sigmoid_and_a_multiplication(activation: nn.Module, changed: int) -> None:
    x = image()
    graph_module = trace(activation, x)
    assert hard_sigmoid_in_one(graph_module) == changed
    assert targets(graph_module).count(_aten.hardsigmoid.default) == changed
    torch.testing.assert_close(graph_module(x), activation(x), rtol=1e-13, atol=1e-13)


class Lookalike(nn.Module):
    """Almost a hard sigmoid: another shift, another bound, another factor."""

    def __init__(self, shift: float, most: float, divisor: float) -> None:
        super().__init__()
        self.numbers = shift, most, divisor

    def forward(self, x: Tensor) -> Tensor:
        shift, most, divisor = self.numbers
        return nn.functional.hardtanh(x + shift, 0, most) / divisor


@pytest.mark.parametrize("numbers", [(3, 6, 6), (2, 6, 6), (3, 5, 6), (3, 6, 5)])
def test_lookalikes_stay(numbers: tuple[float, float, float]) -> None:
    module, x = Lookalike(*numbers), image()
    graph_module = trace(module, x)
    assert hard_sigmoid_in_one(graph_module) == int(numbers == (3, 6, 6))
    torch.testing.assert_close(graph_module(x), module(x), rtol=1e-13, atol=1e-13)


class Branches(nn.Module):
    """Two branches, processed together; ``how`` says in which way it differs from Coordinate Attention."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how
        kernel = 3 if how == "3x3" else 1
        self.conv = nn.Conv2d(16, 8, kernel, padding=kernel // 2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        rows, columns = x.mean(3, keepdim=True), x.mean(2, keepdim=True).transpose(2, 3)
        joined = torch.cat([rows, columns], dim=2)
        y = self.conv(joined)
        if self.how == "softmax":
            y = y.softmax(2)
        if self.how == "other split":
            return y[:, :, :2], y[:, :, 2:]
        height = x.shape[2]
        if self.how == "slices":
            return y[:, :, :height], y[:, :, height:].transpose(2, 3)
        first, second = torch.split(y, [height, x.shape[3]], dim=2)
        if self.how == "two stages":
            return torch.split(y.sigmoid(), [height, x.shape[3]], dim=2)[0], second
        if self.how == "whole too":
            return first, y
        return first, second


@pytest.mark.parametrize(
    ("how", "changed"),
    [
        ("", 1),
        ("slices", 1),
        ("two stages", 1),
        ("3x3", 0),
        ("softmax", 0),
        ("other split", 0),
        ("whole too", 0),
    ],
)
def test_only_position_wise_work_between_the_same_seams_is_taken_apart(how: str, changed: int) -> None:
    module, x = randomised(Branches(how)), image()
    graph_module = trace(module, x)
    untouched = copy.deepcopy(graph_module)
    assert run_branches_apart(graph_module) == changed
    if not changed:
        assert str(graph_module.graph) == str(untouched.graph)
    for found, expected in zip(graph_module(x), module(x), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-13, atol=1e-13)
