"""Coordinate Attention along one axis alone: the ablations of its paper (arXiv 2103.02907, table 1)."""

from typing import Literal

import torch
from torch import Tensor, nn

from ca_deploy.models.coord_attention import HardSwish

Axis = Literal["x", "y"]


class AxisAttention(nn.Module):
    """Gate a feature map with one factor per row (``"x"``), or one per column (``"y"``).

    The axis is the one along which ``x (N, C, H, W)`` is averaged, as in the paper's "X Avg Pool": ``"x"`` gives
    ``(N, C, H, 1)``, ``"y"`` gives ``(N, C, 1, W)``. The parameters are those of
    :class:`~ca_deploy.models.coord_attention.CoordAttention` without the other branch.

    Args:
        channels: C, of the input and of the output.
        axis: the averaged one.
        reduction: r; the bottleneck has ``max(8, C // r)`` channels.
    """

    def __init__(self, channels: int, axis: Axis, reduction: int = 24) -> None:
        super().__init__()
        bottleneck = max(8, channels // reduction)
        self.pool = nn.AdaptiveAvgPool2d((None, 1) if axis == "x" else (1, None))
        self.conv1 = nn.Conv2d(channels, bottleneck, kernel_size=1)
        self.bn1 = nn.BatchNorm2d(bottleneck)
        self.act = HardSwish()
        self.gate_name = "conv_h" if axis == "x" else "conv_w"
        self.add_module(self.gate_name, nn.Conv2d(bottleneck, channels, kernel_size=1))

    def forward(self, x: Tensor) -> Tensor:
        gate: Tensor = self.get_submodule(self.gate_name)(self.act(self.bn1(self.conv1(self.pool(x)))))
        return x * gate.sigmoid()

    @torch.no_grad()
    def open_gates(self, bias: float = 3.0) -> None:
        """Initialise the block to almost the identity: the gate becomes ``sigmoid(bias)`` everywhere."""
        conv = self.get_submodule(self.gate_name)
        nn.init.zeros_(conv.get_parameter("weight"))
        nn.init.constant_(conv.get_parameter("bias"), bias)
