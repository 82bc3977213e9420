"""Max pooling over whole axes becomes a maximum; any other pooling stays."""

import pytest
import torch
from torch import Tensor, nn

from ca_deploy.lowering.pool_as_max import pool_as_max


@pytest.mark.parametrize(
    ("size", "expected"),
    [((None, 1), 1), ((1, None), 1), (1, 1), ((None, None), 0), ((2, 2), 0), ((1, 2), 0)],
)
def test_pool_as_max(size: int | tuple[int | None, int | None], expected: int) -> None:
    x = torch.randn(2, 3, 6, 8)
    pool = nn.AdaptiveMaxPool2d(size)
    graph_module = torch.export.export(pool, (x,)).module()
    assert isinstance(graph_module, torch.fx.GraphModule)
    assert pool_as_max(graph_module) == expected
    torch.testing.assert_close(graph_module(x), pool(x), rtol=0, atol=0)


def test_a_pooling_whose_places_are_used_stays() -> None:
    class Places(nn.Module):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            found: tuple[Tensor, Tensor] = nn.functional.adaptive_max_pool2d(x, 1, return_indices=True)
            return found

    x = torch.randn(2, 3, 6, 8)
    graph_module = torch.export.export(Places(), (x,)).module()
    assert isinstance(graph_module, torch.fx.GraphModule)
    assert pool_as_max(graph_module) == 0
    assert all(map(torch.equal, graph_module(x), Places()(x)))
