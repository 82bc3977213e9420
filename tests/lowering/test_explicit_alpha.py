"""The factor of an addition or subtraction becomes an operation of its own."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.fx import GraphModule

from ca_deploy.lowering.explicit_alpha import explicit_alpha
from tests.calling import Calling


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda x, y: torch.add(x, y, alpha=0.5), 1),
        (lambda x, y: torch.sub(x, y, alpha=2), 1),
        (lambda x, y: torch.subtract(x, y, alpha=3), 1),
        (lambda x, y: torch.rsub(x, y, alpha=3), 1),
        (lambda x, y: torch.add(x, 2, alpha=3) + y, 1),
        (lambda x, y: torch.add(x, y, alpha=1) - y, 0),
    ],
)
def test_explicit_alpha(function: Callable[[Tensor, Tensor], Tensor], expected: int) -> None:
    x, y = torch.randn(2, 3, 4), torch.randn(3, 4)
    graph_module = torch.export.export(Calling(function), (x, y)).module()
    assert isinstance(graph_module, GraphModule)
    assert explicit_alpha(graph_module) == expected
    assert not any(node.kwargs for node in graph_module.graph.nodes)
    torch.testing.assert_close(graph_module(x, y), function(x, y))
