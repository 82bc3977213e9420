"""Expands that broadcasting makes superfluous go; those that something needs stay."""

import copy
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from ca_deploy.lowering.drop_redundant_expand import drop_redundant_expand
from ca_deploy.models.coord_attention import CoordAttention


class AuthorsBlock(CoordAttention):
    """The gates as the authors' ``mbv2_ca.py`` spells them."""

    def forward(self, x: Tensor) -> Tensor:
        h, w = x.shape[2:]
        rows, columns = self.pool_h(x), self.pool_w(x).permute(0, 1, 3, 2)
        squeezed = self.act(self.bn1(self.conv1(torch.cat([rows, columns], dim=2))))
        rows, columns = torch.split(squeezed, [h, w], dim=2)
        gate_h: Tensor = self.conv_h(rows).sigmoid().expand(-1, -1, h, w)
        gate_w: Tensor = self.conv_w(columns.permute(0, 1, 3, 2)).sigmoid().expand(-1, -1, h, w)
        return x * gate_w * gate_h


class ExpandOf(nn.Module):
    def __init__(self, use: str) -> None:
        super().__init__()
        self.use = use

    def forward(self, x: Tensor) -> Tensor:
        gate = x.mean(3, keepdim=True)
        wide = gate.expand_as(x)
        if self.use == "multiply":
            return x * wide
        if self.use == "both operands":
            return wide * x.mean(2, keepdim=True).expand_as(x)
        if self.use == "unary":
            return wide.sigmoid()
        if self.use == "concatenate":
            return torch.cat([x, wide], dim=1)
        if self.use == "multiply and return":
            return x * wide + wide.flip(2)
        return wide


def trace(module: nn.Module, x: Tensor) -> torch.fx.GraphModule:
    graph_module = torch.export.export(module.eval(), (x,)).module()
    assert isinstance(graph_module, torch.fx.GraphModule)
    return graph_module


@pytest.mark.parametrize(
    ("use", "expected"),
    [
        ("multiply", 1),
        ("both operands", 2),
        ("unary", 0),
        ("concatenate", 0),
        ("multiply and return", 0),
        ("return", 0),
    ],
)
def test_drops_only_what_broadcasts_anyway(use: str, expected: int) -> None:
    x = torch.randn(2, 3, 4, 5)
    graph_module = trace(ExpandOf(use), x)
    before = graph_module(x)
    assert drop_redundant_expand(graph_module) == expected
    assert torch.equal(graph_module(x), before)


def test_authors_block_loses_both_expands_and_no_bit() -> None:
    torch.manual_seed(0)
    x = torch.randn(1, 16, 6, 8)
    block = AuthorsBlock(16).eval()
    graph_module = trace(copy.deepcopy(block), x)
    assert drop_redundant_expand(graph_module) == 2
    assert torch.equal(graph_module(x), block(x))


def test_works_on_a_saved_program(tmp_path: Path) -> None:
    torch.manual_seed(0)
    x = torch.randn(1, 16, 6, 8)
    block = AuthorsBlock(16).eval()
    torch.export.save(torch.export.export(block, (x,)), tmp_path / "block.pt2")
    graph_module = torch.export.load(tmp_path / "block.pt2").module()
    assert isinstance(graph_module, torch.fx.GraphModule)
    assert drop_redundant_expand(graph_module) == 2
    assert torch.equal(graph_module(x), block(x))
