"""One classifier with each attention block in the place where the paper on Coordinate Attention has its own.

The blocks are written from the structure that their source publishes, with its order of operations.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.zoo.parts import Classifier, conv, settled


class HSwish(nn.Module):
    """``x * relu6(x + 3) / 6``, as the authors of Coordinate Attention write it."""

    def forward(self, x: Tensor) -> Tensor:
        return x * (functional.relu6(x + 3) / 6)


class CoordAtt(nn.Module):
    """The authors' ``coordatt.py`` (arXiv 2103.02907): adaptive pools, one shared convolution, a split."""

    def __init__(self, channels: int, reduced: int = 8) -> None:
        super().__init__()
        self.pool_h, self.pool_w = nn.AdaptiveAvgPool2d((None, 1)), nn.AdaptiveAvgPool2d((1, None))
        self.conv1, self.bn1, self.act = nn.Conv2d(channels, reduced, 1), nn.BatchNorm2d(reduced), HSwish()
        self.conv_h, self.conv_w = nn.Conv2d(reduced, channels, 1), nn.Conv2d(reduced, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        y = torch.cat([self.pool_h(x), self.pool_w(x).permute(0, 1, 3, 2)], dim=2)
        rows, columns = torch.split(self.act(self.bn1(self.conv1(y))), [height, width], dim=2)
        columns = columns.permute(0, 1, 3, 2)
        found: Tensor = x * self.conv_w(columns).sigmoid() * self.conv_h(rows).sigmoid()
        return found


class CoordAttExpanded(CoordAtt):
    """The same in the authors' ``mbv2_ca.py``, which expands the gates to the size of the map."""

    def forward(self, x: Tensor) -> Tensor:
        _, _, height, width = x.shape
        y = torch.cat([self.pool_h(x), self.pool_w(x).permute(0, 1, 3, 2)], dim=2)
        rows, columns = torch.split(self.act(self.bn1(self.conv1(y))), [height, width], dim=2)
        gate_h = self.conv_h(rows).sigmoid().expand(-1, -1, height, width)
        gate_w = self.conv_w(columns.permute(0, 1, 3, 2)).sigmoid().expand(-1, -1, height, width)
        found: Tensor = x * gate_w * gate_h
        return found


class CoordAttn(nn.Module):
    """``timm.layers.coord_attn.CoordAttn``: means instead of pools, convolutions without bias, an optional skip."""

    def __init__(self, channels: int, reduced: int = 8) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, reduced, 1, bias=False)
        self.bn1, self.act = nn.BatchNorm2d(reduced), nn.Hardswish()
        self.conv_h = nn.Conv2d(reduced, channels, 1, bias=False)
        self.conv_w = nn.Conv2d(reduced, channels, 1, bias=False)
        self.gate = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        columns = x.mean(2, keepdim=True).transpose(-1, -2)
        y = self.act(self.bn1(self.conv1(torch.cat([x.mean(3, keepdim=True), columns], dim=2))))
        rows, columns = torch.split(y, [height, width], dim=2)
        gated = x * self.gate(self.conv_w(columns.transpose(-1, -2))) * self.gate(self.conv_h(rows))
        found: Tensor = gated + x
        return found


class SimpleCoordAttn(nn.Module):
    """``timm.layers.coord_attn.SimpleCoordAttn``: linear layers on rows and columns, whose sum is the gate."""

    def __init__(self, channels: int, reduced: int = 8) -> None:
        super().__init__()
        self.fc1, self.act = nn.Linear(channels, reduced), nn.SiLU()
        self.fc_h, self.fc_w = nn.Linear(reduced, channels), nn.Linear(reduced, channels)
        self.gate = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        rows = self.fc_h(self.act(self.fc1(x.mean(3).transpose(1, 2)))).transpose(1, 2)
        columns = self.fc_w(self.act(self.fc1(x.mean(2).transpose(1, 2)))).transpose(1, 2)
        found: Tensor = x * self.gate(rows.unsqueeze(-1) + columns.unsqueeze(-2))
        return found


class EfficientLocalAttn(nn.Module):
    """``timm.layers.coord_attn.EfficientLocalAttn`` (arXiv 2403.01123): depthwise 1-D convolutions, a group norm."""

    def __init__(self, channels: int, kernel: int = 7) -> None:
        super().__init__()
        rows, columns = (kernel, 1), (1, kernel)
        self.conv_h = nn.Conv2d(channels, channels, rows, padding=(kernel // 2, 0), groups=channels, bias=False)
        self.conv_w = nn.Conv2d(channels, channels, columns, padding=(0, kernel // 2), groups=channels, bias=False)
        self.norm_h, self.norm_w = nn.GroupNorm(1, channels), nn.GroupNorm(1, channels)
        self.act, self.gate = nn.SiLU(), nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        rows = self.gate(self.act(self.norm_h(self.conv_h(x.mean(3, keepdim=True)))))
        columns = self.gate(self.act(self.norm_w(self.conv_w(x.mean(2, keepdim=True)))))
        found: Tensor = x * rows * columns
        return found


class StripAttn(nn.Module):
    """``timm.layers.coord_attn.StripAttn``: the gate is the sum of rows and columns, each refined depthwise."""

    def __init__(self, channels: int, kernel: int = 3) -> None:
        super().__init__()
        rows, columns = (kernel, 1), (1, kernel)
        self.conv_h = nn.Conv2d(channels, channels, rows, padding=(kernel // 2, 0), groups=channels, bias=False)
        self.conv_w = nn.Conv2d(channels, channels, columns, padding=(0, kernel // 2), groups=channels, bias=False)
        self.gate = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = x * self.gate(self.conv_h(x.mean(3, keepdim=True)) + self.conv_w(x.mean(2, keepdim=True)))
        return found


class SqueezeExcite(nn.Module):
    """SE (arXiv 1709.01507) as MobileNetV3 has it: adaptive pool, two 1x1 convolutions, a hard sigmoid."""

    def __init__(self, channels: int, gate: Callable[[], nn.Module] = nn.Hardsigmoid) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.reduce, self.expand = nn.Conv2d(channels, 8, 1), nn.Conv2d(8, channels, 1)
        self.act, self.gate = nn.ReLU(), gate()

    def forward(self, x: Tensor) -> Tensor:
        gate: Tensor = self.gate(self.expand(self.act(self.reduce(self.pool(x)))))
        return gate * x


class Cbam(nn.Module):
    """CBAM (arXiv 1807.06521): a gate per channel of average and maximum, then one per position."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.shared = nn.Sequential(nn.Conv2d(channels, 8, 1, bias=False), nn.ReLU(), nn.Conv2d(8, channels, 1))
        self.spatial = nn.Conv2d(2, 1, 7, padding=3, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        average, largest = functional.adaptive_avg_pool2d(x, 1), functional.adaptive_max_pool2d(x, 1)
        x = x * torch.sigmoid(self.shared(average) + self.shared(largest))
        both = torch.cat([x.mean(1, keepdim=True), x.max(1, keepdim=True)[0]], 1)
        found: Tensor = x * self.spatial(both).sigmoid()
        return found


class Eca(nn.Module):
    """ECA (arXiv 1910.03151): a 1-D convolution over the channels' averages."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(1, 1, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x.mean((2, 3), keepdim=True).squeeze(-1).transpose(-1, -2))
        found: Tensor = x * y.transpose(-1, -2).unsqueeze(-1).sigmoid().expand_as(x)
        return found


class SimAm(nn.Module):
    """SimAM (ICML 2021): an energy from the variance of each map, without weights."""

    def __init__(self, channels: int) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        squared = (x - x.mean((2, 3), keepdim=True)).pow(2)
        variance = squared.sum((2, 3), keepdim=True) / (x.shape[2] * x.shape[3] - 1)
        return x * torch.sigmoid(squared / (4 * (variance + 1e-2)) + 0.5)


class Triplet(nn.Module):
    """Triplet attention (arXiv 2010.03045): the same gate on three rotations of the map."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gates = nn.ModuleList(conv(2, 1, 7, act=nn.Sigmoid) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        turns = ([0, 1, 2, 3], [0, 2, 1, 3], [0, 3, 2, 1])  # each is its own inverse
        turned = []
        for gate, order in zip(self.gates, turns, strict=True):
            y = x.permute(order)
            pooled = torch.cat([torch.max(y, 1)[0].unsqueeze(1), torch.mean(y, 1).unsqueeze(1)], 1)
            turned.append((y * gate(pooled)).permute(order))
        found: Tensor = (turned[0] + turned[1] + turned[2]) / 3
        return found


def _network(attention: Callable[[int], nn.Module]) -> nn.Module:
    """An inverted residual (arXiv 1801.04381) with the block between its depthwise and its last convolution."""

    def build() -> nn.Module:
        body = nn.Sequential(
            conv(3, 8, 3, 2, act=nn.ReLU6),
            conv(8, 32, 1, act=nn.ReLU6),
            conv(32, 32, 3, 2, groups=32, act=nn.ReLU6),
            attention(32),
            conv(32, 16, 1, act=nn.Identity),
        )
        return Classifier(body, 16)

    return settled(build, (3, 32, 32))


def coord_att() -> nn.Module:
    return _network(CoordAtt)


def coord_att_expanded() -> nn.Module:
    return _network(CoordAttExpanded)


def coord_attn() -> nn.Module:
    return _network(CoordAttn)


def simple_coord_attn() -> nn.Module:
    return _network(SimpleCoordAttn)


def efficient_local_attn() -> nn.Module:
    return _network(EfficientLocalAttn)


def strip_attn() -> nn.Module:
    return _network(StripAttn)


def squeeze_excite() -> nn.Module:
    return _network(SqueezeExcite)


def cbam() -> nn.Module:
    return _network(Cbam)


def eca() -> nn.Module:
    return _network(Eca)


def sim_am() -> nn.Module:
    return _network(SimAm)


def triplet() -> nn.Module:
    return _network(Triplet)
