"""A slice of a whole axis is dropped; any other stays."""

import pytest
import torch
from torch import Tensor, nn

from ca_deploy.lowering.drop_aliases import drop_aliases


@pytest.mark.parametrize(("channels", "expected"), [(3, 1), (2, 0)])
def test_drop_aliases(channels: int, expected: int) -> None:
    class Cut(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return (x * 2)[:, :channels] + 1

    x = torch.randn(2, 3, 6, 8)
    graph_module = torch.export.export(Cut(), (x,)).module()
    assert isinstance(graph_module, torch.fx.GraphModule)
    assert drop_aliases(graph_module) == expected
    assert torch.equal(graph_module(x), Cut()(x))
