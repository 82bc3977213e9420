"""Coordinate Attention (Hou, Zhou, Feng, CVPR 2021, arXiv 2103.02907), as its authors define it."""

import torch
from torch import Tensor, nn


class HardSwish(nn.Module):
    """``x * ReLU6(x + 3) / 6`` in the authors' operations; any shape in, same shape out."""

    def __init__(self) -> None:
        super().__init__()
        self.relu6 = nn.ReLU6()

    def forward(self, x: Tensor) -> Tensor:
        gate: Tensor = self.relu6(x + 3) / 6
        return x * gate


class CoordAttention(nn.Module):
    """Gate a feature map with one factor per row and one per column.

    ``x (N, C, H, W)`` is averaged over W to ``(N, C, H, 1)`` and over H to ``(N, C, 1, W)``. Both are
    concatenated along a spatial axis, squeezed by a shared 1x1 convolution, split again, and expanded by
    one 1x1 convolution each into sigmoid gates. The result has the shape of ``x``.

    The parameter names are those of the authors' ``coordatt.py``; their ``mbv2_ca.py`` calls
    ``conv_h`` ``conv2`` and ``conv_w`` ``conv3`` (see :mod:`ca_deploy.networks.checkpoint`).

    Args:
        channels: C, of the input and of the output.
        reduction: r; the bottleneck has ``max(8, C // r)`` channels (paper, section 3.2; default 32).
    """

    def __init__(self, channels: int, reduction: int = 32) -> None:
        super().__init__()
        bottleneck = max(8, channels // reduction)
        self.pool_h = nn.AdaptiveAvgPool2d((None, 1))
        self.pool_w = nn.AdaptiveAvgPool2d((1, None))
        self.conv1 = nn.Conv2d(channels, bottleneck, kernel_size=1)
        self.bn1 = nn.BatchNorm2d(bottleneck)
        self.act = HardSwish()
        self.conv_h = nn.Conv2d(bottleneck, channels, kernel_size=1)
        self.conv_w = nn.Conv2d(bottleneck, channels, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        rows = self.pool_h(x)
        columns = self.pool_w(x).permute(0, 1, 3, 2)
        squeezed = self.act(self.bn1(self.conv1(torch.cat([rows, columns], dim=2))))
        rows, columns = torch.split(squeezed, [height, width], dim=2)
        gate_h: Tensor = self.conv_h(rows).sigmoid()
        gate_w: Tensor = self.conv_w(columns.permute(0, 1, 3, 2)).sigmoid()
        return x * gate_w * gate_h

    @torch.no_grad()
    def open_gates(self, bias: float = 3.0) -> None:
        """Initialise the block to almost the identity, for adding it to a trained backbone.

        Both gates become ``sigmoid(bias)`` everywhere: 0.95 for the default of 3.
        """
        for conv in (self.conv_h, self.conv_w):
            nn.init.zeros_(conv.weight)
            nn.init.constant_(conv.get_parameter("bias"), bias)
