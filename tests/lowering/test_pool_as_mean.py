"""Pooling over whole axes becomes a mean; any other pooling stays."""

import pytest
import torch
from torch import nn

from ca_deploy.lowering.pool_as_mean import pool_as_mean


@pytest.mark.parametrize(
    ("size", "expected"),
    [((None, 1), 1), ((1, None), 1), (1, 1), ((None, None), 0), ((2, 2), 0), ((1, 2), 0)],
)
def test_pool_as_mean(size: int | tuple[int | None, int | None], expected: int) -> None:
    x = torch.randn(2, 3, 6, 8)
    pool = nn.AdaptiveAvgPool2d(size)
    graph_module = torch.export.export(pool, (x,)).module()
    assert isinstance(graph_module, torch.fx.GraphModule)
    assert pool_as_mean(graph_module) == expected
    torch.testing.assert_close(graph_module(x), pool(x))
