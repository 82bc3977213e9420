"""The bounds of a clamp of floats are floats; those of integers stay."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from ca_deploy.lowering.float_bounds import float_bounds


@pytest.mark.parametrize(
    ("clamp", "expected"),
    [
        (lambda x: x.clamp(0, 6), 1),
        (lambda x: x.clamp(max=6), 1),
        (lambda x: functional.hardtanh(x, -2, 2), 1),
        (functional.relu6, 1),
        (lambda x: functional.relu6(x * 2, inplace=True), 1),
        (lambda x: x.clamp(0.0, 6.0), 0),
        (lambda x: x.int().clamp(0, 6), 0),
    ],
)
def test_float_bounds(clamp: Callable[[Tensor], Tensor], expected: int) -> None:
    class Clamp(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return clamp(x)

    x = torch.randn(2, 3, 6, 8) * 5
    graph_module = torch.export.export(Clamp(), (x,)).module()
    assert isinstance(graph_module, torch.fx.GraphModule)
    assert float_bounds(graph_module) == expected
    assert torch.equal(graph_module(x), clamp(x))
