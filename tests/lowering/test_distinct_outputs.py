"""What is returned again is a tensor of its own; everything else stays."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ca_deploy.lowering.distinct_outputs import distinct_outputs


class Returns(nn.Module):
    def __init__(self, again: int, of_input: bool, only: bool) -> None:
        super().__init__()
        self.again, self.of_input, self.only = again, of_input, only

    def forward(self, x: Tensor) -> Any:
        y = x * 2
        if self.only:
            return x if self.of_input else y
        return [y, *[y] * self.again, *([x] if self.of_input else [])]


@pytest.mark.parametrize(
    ("again", "of_input", "only", "copies"),
    [(0, False, False, 0), (1, False, False, 1), (2, True, False, 3), (0, False, True, 0), (0, True, True, 1)],
)
def test_distinct_outputs(again: int, of_input: bool, only: bool, copies: int) -> None:
    x = torch.randn(1, 3, 4, 5)
    network = Returns(again, of_input, only)
    graph_module = torch.export.export(network, (x,)).module()
    assert isinstance(graph_module, torch.fx.GraphModule)
    assert distinct_outputs(graph_module) == copies
    returned = graph_module.graph.output_node().args[0]
    assert isinstance(returned, tuple | list)
    assert len(set(returned)) == len(returned)
    given, expected = graph_module(x), network(x)
    assert type(given) is type(expected)
    assert all(torch.equal(one, other) for one, other in zip(given, expected, strict=True))
