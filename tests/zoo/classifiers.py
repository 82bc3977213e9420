"""Convolutional classifiers in miniature, ``(N, 3, 32, 32)`` -> ``(N, 5)``; one or two blocks of each family."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.zoo.attention import CoordAtt, SqueezeExcite
from tests.zoo.parts import Classifier, conv, settled

IMAGE = (3, 32, 32)


class Residual(nn.Module):
    """The sum of a branch and a shortcut, and what follows it."""

    def __init__(self, branch: nn.Module, shortcut: nn.Module | None = None, act: nn.Module | None = None) -> None:
        super().__init__()
        self.branch, self.shortcut, self.act = branch, shortcut or nn.Identity(), act or nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.act(self.branch(x) + self.shortcut(x))
        return y


def resnet() -> nn.Module:
    """ResNet (arXiv 1512.03385): max pooling after the stem, a basic block, one with stride and projection."""

    def build() -> nn.Module:
        body = nn.Sequential(
            conv(3, 8, 7, 2),
            nn.MaxPool2d(3, 2, 1),
            Residual(nn.Sequential(conv(8, 8), conv(8, 8, act=nn.Identity)), act=nn.ReLU(inplace=True)),
            Residual(
                nn.Sequential(conv(8, 16, 3, 2), conv(16, 16, act=nn.Identity)),
                conv(8, 16, 1, 2, act=nn.Identity),
                nn.ReLU(inplace=True),
            ),
        )
        return Classifier(body, 16)

    return settled(build, IMAGE)


def resnext() -> nn.Module:
    """ResNeXt (arXiv 1611.05431) with dilation instead of stride: a grouped, dilated bottleneck."""

    def build() -> nn.Module:
        branch = nn.Sequential(conv(16, 16, 1), conv(16, 16, 3, groups=4, dilation=2), conv(16, 16, 1, act=nn.Identity))
        return Classifier(nn.Sequential(conv(3, 16, 3, 2), Residual(branch, act=nn.ReLU())), 16)

    return settled(build, IMAGE)


def mobilenet_v2() -> nn.Module:
    """MobileNetV2 (arXiv 1801.04381): inverted residuals with ReLU6, dropout before the classifier."""

    def build() -> nn.Module:
        inverted = nn.Sequential(
            conv(8, 24, 1, act=nn.ReLU6),
            conv(24, 24, 3, groups=24, act=nn.ReLU6),
            conv(24, 8, 1, act=nn.Identity),
            nn.Dropout(0.2),
        )
        body = nn.Sequential(conv(3, 8, 3, 2, act=nn.ReLU6), Residual(inverted), conv(8, 24, 1, act=nn.ReLU6))
        return Classifier(body, 24)

    return settled(build, IMAGE)


class _ByClamp(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * (x + 3).clamp(0, 6) * (1 / 6)


class _ByHardSigmoid(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * functional.hardsigmoid(x)


class _ByRelu6(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * functional.relu6(x + 3, inplace=True) / 6


def mobilenet_v3() -> nn.Module:
    """MobileNetV3 (arXiv 1905.02244): squeeze and excitation, and h-swish in the four ways in which it is written."""

    def build() -> nn.Module:
        inverted = nn.Sequential(
            conv(8, 24, 1, act=_ByClamp),
            conv(24, 24, 5, groups=24, act=_ByHardSigmoid),
            SqueezeExcite(24),
            conv(24, 8, 1, act=nn.Identity),
        )
        body = nn.Sequential(conv(3, 8, 3, 2, act=nn.Hardswish), Residual(inverted), conv(8, 24, 1, act=_ByRelu6))
        return Classifier(body, 24)

    return settled(build, IMAGE)


def efficientnet() -> nn.Module:
    """EfficientNet (arXiv 1905.11946): SiLU, and squeeze and excitation with a sigmoid."""

    def build() -> nn.Module:
        block = nn.Sequential(
            conv(8, 24, 1, act=nn.SiLU),
            conv(24, 24, 5, groups=24, act=nn.SiLU),
            SqueezeExcite(24, nn.Sigmoid),
            conv(24, 8, 1, act=nn.Identity),
        )
        return Classifier(
            nn.Sequential(conv(3, 8, 3, 2, act=nn.SiLU), Residual(block), conv(8, 24, 1, act=nn.SiLU)), 24
        )

    return settled(build, IMAGE)


def sandglass() -> nn.Module:
    """MobileNeXt (arXiv 2007.02269): the sandglass block, with Coordinate Attention after its first depthwise."""

    def build() -> nn.Module:
        block = nn.Sequential(
            conv(16, 16, 3, groups=16, act=nn.ReLU6),
            CoordAtt(16),
            conv(16, 8, 1, act=nn.Identity),
            conv(8, 16, 1, act=nn.ReLU6),
            conv(16, 16, 3, groups=16, act=nn.Identity),
        )
        return Classifier(nn.Sequential(conv(3, 16, 3, 2, act=nn.ReLU6), Residual(block)), 16)

    return settled(build, IMAGE)


class _Shuffle(nn.Module):
    """A unit of ShuffleNetV2: half of the channels pass, and both halves are interleaved."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.branch = nn.Sequential(
            conv(half, half, 1), conv(half, half, groups=half, act=nn.Identity), conv(half, half, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        kept, changed = x.chunk(2, dim=1)
        y = torch.cat([kept, self.branch(changed)], 1)
        batch, channels, height, width = y.shape
        y = y.view(batch, 2, channels // 2, height, width).transpose(1, 2).contiguous()
        return y.view(batch, channels, height, width)


def shufflenet() -> nn.Module:
    """ShuffleNetV2 (arXiv 1807.11164): a channel split and a channel shuffle over five dimensions."""
    return settled(lambda: Classifier(nn.Sequential(conv(3, 16, 3, 2), _Shuffle(16), _Shuffle(16)), 16), IMAGE)


class _Ghost(nn.Module):
    """A ghost module: half of the maps come from the other half by a cheap depthwise convolution."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.outputs = outputs
        half = (outputs + 1) // 2
        self.primary, self.cheap = conv(inputs, half, 1), conv(half, half, groups=half)

    def forward(self, x: Tensor) -> Tensor:
        first = self.primary(x)
        return torch.cat([first, self.cheap(first)], 1)[:, : self.outputs, :, :]


def ghostnet() -> nn.Module:
    """GhostNet (arXiv 1911.11907), with an odd number of maps, of which one is cut off."""
    return settled(lambda: Classifier(nn.Sequential(conv(3, 8, 3, 2), _Ghost(8, 16), _Ghost(16, 23)), 23), IMAGE)


class _RepVgg(nn.Module):
    """A RepVGG block as it is trained: 3x3, 1x1 and identity, each with a batch norm."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.dense = conv(channels, channels, act=nn.Identity)
        self.point = conv(channels, channels, 1, act=nn.Identity)
        self.identity = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.dense(x) + self.point(x) + self.identity(x))


def repvgg() -> nn.Module:
    """RepVGG (arXiv 2101.03697) before its branches are merged."""
    return settled(lambda: Classifier(nn.Sequential(conv(3, 12, 3, 2), _RepVgg(12), _RepVgg(12)), 12), IMAGE)


class _Dense(nn.Module):
    """A dense layer: norm, ReLU and convolution, whose maps are added to the input's."""

    def __init__(self, inputs: int, growth: int) -> None:
        super().__init__()
        self.norm, self.conv = nn.BatchNorm2d(inputs), nn.Conv2d(inputs, growth, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.conv(torch.relu(self.norm(x)))], 1)


def densenet() -> nn.Module:
    """DenseNet (arXiv 1608.06993): norms before convolutions, concatenations, an average pool as transition."""

    def build() -> nn.Module:
        dense = nn.Sequential(_Dense(8, 6), _Dense(14, 6), nn.BatchNorm2d(20), nn.ReLU(), nn.Conv2d(20, 12, 1))
        return Classifier(nn.Sequential(conv(3, 8, 3, 2), dense, nn.AvgPool2d(2), nn.BatchNorm2d(12), nn.ReLU()), 12)

    return settled(build, IMAGE)


class _Fire(nn.Module):
    """A fire module: a squeeze to few maps, then 1x1 and 3x3 side by side."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.squeeze, self.one, self.three = conv(inputs, 6, 1), conv(6, 8, 1), conv(6, 8, 3)

    def forward(self, x: Tensor) -> Tensor:
        squeezed = self.squeeze(x)
        return torch.cat([self.one(squeezed), self.three(squeezed)], dim=1)


class SqueezeNet(nn.Module):
    """SqueezeNet (arXiv 1602.07360): max pools that round up, and a global max pool before a 1x1 classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            conv(3, 8, 3, 2),
            nn.MaxPool2d(3, 2, ceil_mode=True),
            _Fire(8),
            nn.MaxPool2d(3, 2, ceil_mode=True),
            _Fire(16),
        )
        self.dropout, self.pool = nn.Dropout(), nn.AdaptiveMaxPool2d((1, 1))
        self.head, self.norm = nn.Conv2d(16, 5, 1), nn.BatchNorm2d(5)
        self.norm.bias.data[0] = 6  # one class wins clearly

    def forward(self, x: Tensor) -> Tensor:
        return torch.flatten(self.pool(self.norm(self.head(self.dropout(self.body(x))))), 1)


def squeezenet() -> nn.Module:
    return settled(SqueezeNet, IMAGE)


class _Mixed(nn.Module):
    """Depthwise kernels of three sizes, each on a part of the channels."""

    def __init__(self, sizes: tuple[int, ...]) -> None:
        super().__init__()
        self.sizes = sizes
        kernels = (3, 5, 7)
        self.parts = nn.ModuleList(conv(n, n, k, groups=n, act=nn.SiLU) for n, k in zip(sizes, kernels, strict=True))

    def forward(self, x: Tensor) -> Tensor:
        parts = torch.split(x, list(self.sizes), 1)
        return torch.cat([part(piece) for part, piece in zip(self.parts, parts, strict=True)], 1)


def mixnet() -> nn.Module:
    """MixNet (arXiv 1907.09595): an uneven split, and kernels of 3, 5 and 7."""

    def build() -> nn.Module:
        first, last = conv(3, 16, 3, 2, act=nn.SiLU), conv(16, 16, 1, act=nn.SiLU)
        return Classifier(nn.Sequential(first, _Mixed((8, 4, 4)), last), 16)

    return settled(build, IMAGE)
