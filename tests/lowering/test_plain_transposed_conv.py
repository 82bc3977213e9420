"""Transposed convolutions compute the same without groups and padding."""

from typing import Any

import pytest
import torch
from torch import nn

from ca_deploy.lowering.plain_transposed_conv import plain_transposed_conv

X = torch.randn(2, 6, 5, 7, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("groups", [6, 3, 2, 1])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    "shape",
    [
        {"kernel_size": 3, "stride": 2, "padding": 1, "output_padding": 1},
        {"kernel_size": (5, 3), "stride": 2, "padding": (2, 1), "output_padding": (1, 1)},
        {"kernel_size": 3, "stride": (2, 1), "padding": 1},
    ],
    ids=str,
)
def test_groups_and_padding_are_written_out(groups: int, bias: bool, shape: dict[str, Any]) -> None:
    module = nn.Sequential(nn.ConvTranspose2d(6, 12, groups=groups, bias=bias, **shape), nn.Conv2d(12, 2, 1)).eval()
    graph_module = torch.export.export(module, (X,)).module()
    assert isinstance(graph_module, torch.fx.GraphModule)
    assert plain_transposed_conv(graph_module) == 1
    torch.testing.assert_close(graph_module(X), module(X))


@pytest.mark.parametrize("shape", [(2, 2, 0), (4, 2, 1), (3, 2, 0)], ids=str)
def test_what_litert_torch_lowers_stays(shape: tuple[int, int, int]) -> None:
    graph_module = torch.export.export(nn.ConvTranspose2d(6, 4, *shape).eval(), (X,)).module()
    assert isinstance(graph_module, torch.fx.GraphModule)
    assert plain_transposed_conv(graph_module) == 0
