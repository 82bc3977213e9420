"""Squeeze and excitation (Hu et al., CVPR 2018, arXiv 1709.01507)."""

import torch
from torch import Tensor, nn


class SqueezeExcite(nn.Module):
    """Gate a feature map ``(N, C, H, W)`` with one factor per channel, made of the channels' averages.

    Args:
        channels: C, of the input and of the output.
        squeezed: channels of the bottleneck.
        activation: of the bottleneck; ReLU by default.
    """

    def __init__(self, channels: int, squeezed: int, activation: nn.Module | None = None) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(channels, squeezed, kernel_size=1)
        self.act = nn.ReLU() if activation is None else activation
        self.fc2 = nn.Conv2d(squeezed, channels, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        gate: Tensor = self.fc2(self.act(self.fc1(self.pool(x)))).sigmoid()
        return x * gate

    @torch.no_grad()
    def open_gates(self, bias: float = 3.0) -> None:
        """Initialise the block to almost the identity: the gate becomes ``sigmoid(bias)`` everywhere."""
        nn.init.zeros_(self.fc2.weight)
        nn.init.constant_(self.fc2.get_parameter("bias"), bias)
