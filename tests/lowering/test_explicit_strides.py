"""A pooling without a stride gets the size of its window as stride; any other stays."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from ca_deploy.lowering.explicit_strides import explicit_strides


@pytest.mark.parametrize(
    ("pool", "expected"),
    [
        (lambda x: functional.max_pool2d(x, 2), 1),
        (lambda x: functional.avg_pool2d(x, (2, 4)), 1),
        (lambda x: functional.max_pool2d(x, 3, ceil_mode=True), 1),
        (lambda x: functional.avg_pool2d(x, 3, padding=1, count_include_pad=False), 1),
        (lambda x: functional.max_pool2d(x, 3, 1), 0),
    ],
)
def test_explicit_strides(pool: Callable[[Tensor], Tensor], expected: int) -> None:
    class Pool(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return pool(x)

    x = torch.randn(2, 3, 6, 8)
    graph_module = torch.export.export(Pool(), (x,)).module()
    assert isinstance(graph_module, torch.fx.GraphModule)
    assert explicit_strides(graph_module) == expected
    assert explicit_strides(graph_module) == 0
    assert torch.equal(graph_module(x), pool(x))
