"""A mean of whole maps that is flattened drops its axes; any other view stays."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.fx import GraphModule

from ca_deploy.lowering.pool_without_axes import pool_without_axes
from tests.calling import Calling


@pytest.mark.parametrize(
    ("view", "expected"),
    [
        (lambda x: x.mean((2, 3), keepdim=True).flatten(1), 1),
        (lambda x: x.mean((-1, -2), keepdim=True).view(2, 3), 1),
        (lambda x: x.mean((2, 3), keepdim=True).view(3, 2), 0),
        (lambda x: x.mean((2, 3), keepdim=True).view(2, 3, 1), 0),
        (lambda x: x[..., :1].mean(2, keepdim=True).flatten(1), 0),  # one axis more than it averages
        (lambda x: x.mean((0, 1), keepdim=True).flatten(2), 0),
        (lambda x: x.mean().mean(0, keepdim=True).reshape(1, 1), 0),
        (lambda x: (y := x.mean((2, 3), keepdim=True)).flatten(1) + y[:, :, 0, 0], 0),
    ],
)
def test_pool_without_axes(view: Callable[[Tensor], Tensor], expected: int) -> None:
    x = torch.randn(2, 3, 6, 8)
    graph_module = torch.export.export(Calling(view), (x,)).module()
    assert isinstance(graph_module, GraphModule)
    assert pool_without_axes(graph_module) == expected
    torch.testing.assert_close(graph_module(x), view(x))
