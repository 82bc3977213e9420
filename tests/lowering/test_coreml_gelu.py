"""GELU's tanh form stays what it is."""

import pytest
import torch
from torch import nn

from ca_deploy.lowering.coreml_gelu import spell_out_tanh_gelu

X = torch.linspace(-8, 8, 101).reshape(1, -1)


@pytest.mark.parametrize(("approximate", "count"), [("tanh", 1), ("none", 0)])
def test_only_the_tanh_form_is_rewritten(approximate: str, count: int) -> None:
    module = nn.GELU(approximate).eval()
    graph_module = torch.export.export(module, (X,)).module()
    assert isinstance(graph_module, torch.fx.GraphModule)
    assert spell_out_tanh_gelu(graph_module) == count
    torch.testing.assert_close(graph_module(X), module(X))
