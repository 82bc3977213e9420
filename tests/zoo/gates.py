"""Gates made of averages over rows, columns or whole maps, in the spellings that published code has, and look-alikes.

Each is a block of ``(N, C, H, W)`` of any size; the networks of the zoo have the commonest of them inside.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.zoo.attention import HSwish, SqueezeExcite

REDUCED = 8


class Relu6Of6(nn.Module):
    """``x * relu6(x + 3) / 6``, divided last."""

    def forward(self, x: Tensor) -> Tensor:
        return x * functional.relu6(x + 3) / 6


class ClampTimesSixth(nn.Module):
    """``x * (clamp(3 + x, 0, 6) * (1 / 6))``"""

    def forward(self, x: Tensor) -> Tensor:
        return x * (torch.clamp(3 + x, 0, 6) * (1 / 6))


class HardSigmoidTimes(nn.Module):
    """``hardsigmoid(x) * x``"""

    def forward(self, x: Tensor) -> Tensor:
        return functional.hardsigmoid(x) * x


class With(nn.Module):
    """Coordinate Attention (arXiv 2103.02907) with another activation, normalisation or gate."""

    def __init__(
        self,
        channels: int,
        act: Callable[[], nn.Module] = HSwish,
        norm: Callable[[], nn.Module] | None = None,
        gate: Callable[[], nn.Module] = nn.Sigmoid,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.pool_h, self.pool_w = nn.AdaptiveAvgPool2d((None, 1)), nn.AdaptiveAvgPool2d((1, None))
        self.conv1 = nn.Conv2d(channels, REDUCED, 1, bias=bias)
        self.bn1 = nn.BatchNorm2d(REDUCED) if norm is None else norm()
        self.conv_h, self.conv_w = (nn.Conv2d(REDUCED, channels, 1, bias=bias) for _ in range(2))
        self.act, self.gate = act(), gate()

    def pooled(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Averages of rows ``(N, C, H, 1)`` and of columns ``(N, C, W, 1)``."""
        return self.pool_h(x), self.pool_w(x).permute(0, 1, 3, 2)

    def squeezed(self, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
        """Both after the shared convolution."""
        y = self.act(self.bn1(self.conv1(torch.cat([rows, columns], dim=2))))
        rows, columns = torch.split(y, [rows.shape[2], columns.shape[2]], dim=2)
        return rows, columns

    def gates(self, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
        """``(N, C, H, 1)`` and ``(N, C, 1, W)``"""
        return self.gate(self.conv_h(rows)), self.gate(self.conv_w(columns.permute(0, 1, 3, 2)))

    def product(self, x: Tensor, gate_h: Tensor, gate_w: Tensor) -> Tensor:
        return x * gate_w * gate_h

    def forward(self, x: Tensor) -> Tensor:
        return self.product(x, *self.gates(*self.squeezed(*self.pooled(x))))


class Means(With):
    def pooled(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x.mean(-1, keepdim=True), x.mean(-2).unsqueeze(-1)


class FixedPools(With):
    """``AvgPool2d`` with the size of the map, as people write it for exporters that lack adaptive pools."""

    def pooled(self, x: Tensor) -> tuple[Tensor, Tensor]:
        height, width = int(x.shape[2]), int(x.shape[3])
        return functional.avg_pool2d(x, (1, width)), functional.avg_pool2d(x, (height, 1)).transpose(2, 3)


class ColumnsFirst(With):
    """Rows are turned instead of columns, and all lies along W."""

    def pooled(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.pool_h(x).permute(0, 1, 3, 2), self.pool_w(x)

    def squeezed(self, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
        y = self.act(self.bn1(self.conv1(torch.cat([columns, rows], dim=3))))
        columns, rows = torch.split(y, [columns.shape[3], rows.shape[3]], dim=3)
        return rows, columns

    def gates(self, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
        return self.gate(self.conv_h(rows.permute(0, 1, 3, 2))), self.gate(self.conv_w(columns))


class Slices(With):
    def squeezed(self, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
        height = rows.shape[2]
        y = self.act(self.bn1(self.conv1(torch.cat([rows, columns], dim=2))))
        return y[:, :, :height], y[:, :, height:]


class Chunks(With):
    """For square maps."""

    def squeezed(self, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
        rows, columns = torch.chunk(self.act(self.bn1(self.conv1(torch.cat([rows, columns], dim=2)))), 2, dim=2)
        return rows, columns


class TwoBranches(With):
    """One convolution per branch, and no concatenation."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.conv2, self.bn2 = nn.Conv2d(channels, REDUCED, 1), nn.BatchNorm2d(REDUCED)

    def squeezed(self, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
        return self.act(self.bn1(self.conv1(rows))), self.act(self.bn2(self.conv2(columns)))


class SharedTwice(With):
    """The shared convolution is called for each branch."""

    def squeezed(self, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
        return self.act(self.bn1(self.conv1(rows))), self.act(self.bn1(self.conv1(columns)))


class GatesMultiplied(With):
    def product(self, x: Tensor, gate_h: Tensor, gate_w: Tensor) -> Tensor:
        return x * (gate_h * gate_w)


class RowsFirst(With):
    def product(self, x: Tensor, gate_h: Tensor, gate_w: Tensor) -> Tensor:
        return gate_w * (gate_h * x)


class Expanded(With):
    def product(self, x: Tensor, gate_h: Tensor, gate_w: Tensor) -> Tensor:
        return x * gate_w.expand_as(x) * gate_h.expand(-1, -1, -1, x.shape[3])


class InPlace(With):
    def product(self, x: Tensor, gate_h: Tensor, gate_w: Tensor) -> Tensor:
        return (x * gate_w).mul_(gate_h)


class OneAxis(With):
    """Coordinate Attention's ablation with rows alone."""

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = x * self.gate(self.conv_h(self.act(self.bn1(self.conv1(self.pool_h(x))))))
        return found


class SeLinear(nn.Module):
    """SE as its authors' PyTorch ports write it: flatten, two linear layers, a view, ``expand_as``."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc = nn.Sequential(
            nn.Linear(channels, REDUCED, bias=False), nn.ReLU(inplace=True), nn.Linear(REDUCED, channels), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        batch, channels, _, _ = x.size()
        y = functional.adaptive_avg_pool2d(x, 1).view(batch, channels)
        found: Tensor = x * self.fc(y).view(batch, channels, 1, 1).expand_as(x)
        return found


class SeFlat(SeLinear):
    """The average of a flattened map."""

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = x * self.fc(x.flatten(2).mean(-1))[:, :, None, None]
        return found


class LcNetSe(SqueezeExcite):
    """PP-LCNet's (arXiv 2109.15099): ReLU and hard sigmoid, ``torch.multiply``."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.multiply(x, self.gate(self.expand(self.act(self.reduce(self.pool(x))))))


class RepVitSe(nn.Module):
    """RepViT's (arXiv 2307.09283), timm's ``SqueezeExcite``: a mean over both axes, convolutions, in place."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Conv2d(channels, REDUCED, 1), nn.Conv2d(REDUCED, channels, 1)
        self.bn, self.act = nn.Identity(), nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        y = self.fc2(self.act(self.bn(self.fc1(x.mean((2, 3), keepdim=True)))))
        found: Tensor = x * y.sigmoid()
        return found


class Ela(nn.Module):
    """ELA as its paper prints it (arXiv 2403.01123): one shared 1-D convolution with 7 taps, a group norm."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(channels, channels, 7, padding=3, groups=channels, bias=False)
        self.norm = nn.GroupNorm(8, channels)

    def forward(self, x: Tensor) -> Tensor:
        batch, channels, height, width = x.size()
        rows = torch.mean(x, dim=3, keepdim=True).view(batch, channels, height)
        columns = torch.mean(x, dim=2, keepdim=True).view(batch, channels, width)
        gate_h = self.norm(self.conv(rows)).sigmoid().view(batch, channels, height, 1)
        gate_w = self.norm(self.conv(columns)).sigmoid().view(batch, channels, 1, width)
        found: Tensor = x * gate_h * gate_w
        return found


class EmaFirst(nn.Module):
    """The first stage of EMA (arXiv 2305.13563): groups of channels as samples, one convolution on both axes."""

    def __init__(self, channels: int, groups: int = 4) -> None:
        super().__init__()
        self.groups, self.conv = groups, nn.Conv2d(channels // groups, channels // groups, 1)

    def forward(self, x: Tensor) -> Tensor:
        batch, channels, height, width = x.size()
        grouped = x.reshape(batch * self.groups, -1, height, width)
        rows, columns = grouped.mean(3, keepdim=True), grouped.mean(2, keepdim=True).permute(0, 1, 3, 2)
        rows, columns = torch.split(self.conv(torch.cat([rows, columns], dim=2)), [height, width], dim=2)
        gated = grouped * rows.sigmoid() * columns.permute(0, 1, 3, 2).sigmoid()
        return gated.reshape(batch, channels, height, width)


class Bam(nn.Module):
    """A gate ``1 + sigmoid`` per channel, as in BAM's channel half (arXiv 1807.06514)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(channels, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = x * (1 + self.body(x).sigmoid())
        return found


class Mixed(With):
    """A look-alike: a gate that also depends on the map itself."""

    def product(self, x: Tensor, gate_h: Tensor, gate_w: Tensor) -> Tensor:
        return x * torch.sigmoid(gate_h + x)


class GatesReturned(With):
    """A look-alike: its gates are outputs too."""

    def forward(self, x: Tensor) -> Tensor:
        gate_h, gate_w = self.gates(*self.squeezed(*self.pooled(x)))
        return torch.cat([(x * gate_w * gate_h).mean((2, 3)), gate_h.mean((2, 3))], 1)


class OfAnother(With):
    """A look-alike: one gate is made of another map."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.other = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        y, z = self.other(x), x.relu()
        found: Tensor = z * self.gate(self.pool_h(z)) * self.gate(self.pool_w(y))
        return found


class Windows(nn.Module):
    """A look-alike: averages of windows, not of whole axes."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        gate = self.conv(functional.avg_pool2d(x, 2)).sigmoid()
        return x * functional.interpolate(gate, size=x.shape[2:])
