"""Convolutional Block Attention Module (Woo et al., ECCV 2018, arXiv 1807.06521), as its authors define it."""

import torch
from torch import Tensor, nn


class ChannelGate(nn.Module):
    """One factor per channel: the same perceptron on the channels' averages and on their maxima, summed."""

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.average = nn.AdaptiveAvgPool2d(1)
        self.maximum = nn.AdaptiveMaxPool2d(1)
        self.fc1 = nn.Conv2d(channels, squeezed, kernel_size=1)
        self.act = nn.ReLU()
        self.fc2 = nn.Conv2d(squeezed, channels, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        average, maximum = (self.fc2(self.act(self.fc1(pool(x)))) for pool in (self.average, self.maximum))
        gate: Tensor = (average + maximum).sigmoid()
        return x * gate


class SpatialGate(nn.Module):
    """One factor per position: a 7x7 convolution on the maximum and the average over the channels."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, kernel_size=7, padding=3, bias=False)
        self.bn = nn.BatchNorm2d(1, momentum=0.01)

    def forward(self, x: Tensor) -> Tensor:
        pooled = torch.cat([x.amax(1, keepdim=True), x.mean(1, keepdim=True)], dim=1)
        gate: Tensor = self.bn(self.conv(pooled)).sigmoid()
        return x * gate


class Cbam(nn.Module):
    """Gate a feature map ``(N, C, H, W)`` with one factor per channel, then with one per position.

    Args:
        channels: C, of the input and of the output.
        squeezed: channels of the bottleneck of the first gate.
    """

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.channel = ChannelGate(channels, squeezed)
        self.spatial = SpatialGate()

    def forward(self, x: Tensor) -> Tensor:
        gated: Tensor = self.spatial(self.channel(x))
        return gated

    @torch.no_grad()
    def open_gates(self, bias: float = 3.0) -> None:
        """Initialise the block to almost the identity: both gates become ``sigmoid(bias)`` everywhere."""
        nn.init.zeros_(self.channel.fc2.weight)
        nn.init.constant_(self.channel.fc2.get_parameter("bias"), bias / 2)  # it is added twice
        nn.init.zeros_(self.spatial.bn.weight)
        nn.init.constant_(self.spatial.bn.bias, bias)
