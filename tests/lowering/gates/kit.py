"""Traced blocks, as the engine takes them."""

import torch
from torch import Tensor, nn
from torch.fx import GraphModule


class Projected(nn.Module):
    """A block between what computes its map and the 1x1 convolution, with BatchNorm, that follows."""

    def __init__(self, block: nn.Module, channels: int) -> None:
        super().__init__()
        self.before = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU6(inplace=True))
        self.block = block
        self.after = nn.Sequential(nn.Conv2d(channels, 8, 1, bias=False), nn.BatchNorm2d(8))

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.after(self.block(self.before(x)))
        return found


def image(channels: int, height: int, width: int, batch: int = 1) -> Tensor:
    return torch.randn(batch, channels, height, width, generator=torch.Generator().manual_seed(0))


def traced(module: nn.Module, x: Tensor) -> GraphModule:
    """``module`` in evaluation mode with lively weights, without operations in place."""
    torch.manual_seed(0)
    for name, value in module.state_dict().items():
        if value.is_floating_point():
            value.uniform_(0.5, 1.5) if name.endswith("running_var") else value.normal_(0, 0.5)
    graph_module = torch.export.export(module.eval(), (x,)).run_decompositions({}).module()
    assert isinstance(graph_module, GraphModule)
    return graph_module
