"""ELU, softplus and Mish without large exponentials compute the same."""

import pytest
import torch
from torch import nn

from ca_deploy.lowering.bounded_exponentials import bounded_exponentials

X = torch.linspace(-30, 30, 241).reshape(1, -1)


@pytest.mark.parametrize("module", [nn.ELU(), nn.ELU(alpha=0.3), nn.Softplus(), nn.Mish()], ids=repr)
def test_the_function_stays_the_same(module: nn.Module) -> None:
    graph_module = torch.export.export(module.eval(), (X,)).module()
    assert isinstance(graph_module, torch.fx.GraphModule)
    assert bounded_exponentials(graph_module) == 1
    torch.testing.assert_close(graph_module(X), module(X), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(graph_module(X * 10), module(X * 10), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("module", [nn.Softplus(beta=2.0), nn.SELU(), nn.ReLU6()], ids=repr)
def test_others_stay_as_they_are(module: nn.Module) -> None:
    graph_module = torch.export.export(module.eval(), (X,)).module()
    assert isinstance(graph_module, torch.fx.GraphModule)
    assert bounded_exponentials(graph_module) == 0
