"""Three small networks with what damages need: attention, a skip, several activations.

Named ``tests.evaluation.damages.networks:<name>``. Weights are settled on noise, as those of the zoo.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from ca_deploy.models.coord_attention import CoordAttention
from tests.zoo.parts import Logits, conv, settled

SIDE = 64  # px, of all images
_STRIDE = 8
_CELLS = SIDE // _STRIDE


class Body(nn.Module):
    """``(N, 3, H, W)`` -> ``(N, 32, H/8, W/8)``: attention at H/4, then a skip over a separable convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = conv(3, 16, stride=2, act=nn.ReLU6)
        self.widen = conv(16, 24, stride=2, act=nn.SiLU)
        self.attention = CoordAttention(24, reduction=3)
        self.separable = nn.Sequential(conv(24, 24, groups=24, act=nn.Hardswish), conv(24, 24, 1, act=nn.Identity))
        self.last = conv(24, 32, stride=2)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.bias, -0.5, 0.5)  # zeros would leave the layers next to no bias to lose

    def forward(self, x: Tensor) -> Tensor:
        y = self.attention(self.widen(self.stem(x)))
        found: Tensor = self.last(y + self.separable(y))
        return found


class Classifier(nn.Module):
    """``(N, 3, H, W)`` -> ``(N, 5)``"""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = Body(), Logits(32, winner=0)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.body(x).mean((2, 3)))
        return logits


class Year(nn.Module):
    """``(N, 32)`` -> ``(N, 1)`` around 1990, with a deviation of about 4."""

    def __init__(self) -> None:
        super().__init__()
        self.value = Logits(32, 1, winner=0)

    def forward(self, features: Tensor) -> Tensor:
        found: Tensor = 1990 + 4 * self.value(features)
        return found


class Regressor(nn.Module):
    """A regression with a large offset: ``(N, 3, H, W)`` -> ``(N, 1)``"""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = Body(), Year()

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.head(self.body(x).mean((2, 3)))
        return found


class Detect(nn.Module):
    """Features -> ``(N, 4 + 3, H/8, W/8)``: the centre and size of a box in pixels, and three scores from 0 to 1."""

    def __init__(self, channels: int, classes: int = 3) -> None:
        super().__init__()
        self.box, self.score = nn.Conv2d(channels, 4, 1), nn.Conv2d(channels, classes, 1)
        self.norm = nn.BatchNorm2d(classes)
        ticks = torch.arange(_CELLS) + 0.5
        y, x = torch.meshgrid(ticks, ticks, indexing="ij")
        self.register_buffer("cells", torch.stack([x, y])[None], persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        edges, cells = functional.softplus(self.box(features)), self.get_buffer("cells")
        start, end = cells - edges[:, :2], cells + edges[:, 2:]
        boxes = torch.cat([(start + end) / 2, end - start], 1) * _STRIDE
        return torch.cat([boxes, self.norm(self.score(features)).sigmoid()], 1)


class Detector(nn.Module):
    """``(N, 3, H, W)`` -> ``(N, 7, H/8, W/8)``"""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = Body(), Detect(32)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.head(self.body(x))
        return found


def classifier() -> nn.Module:
    return settled(Classifier, (3, SIDE, SIDE))


def regressor() -> nn.Module:
    return settled(Regressor, (3, SIDE, SIDE))


def detector() -> nn.Module:
    """Scores are near 0 or near 1, few above 0.5, as a trained detector gives them."""
    network = settled(Detector, (3, SIDE, SIDE))
    norm = network.get_submodule("head.norm")
    assert isinstance(norm, nn.BatchNorm2d)
    norm.weight.data.fill_(4)
    norm.bias.data.fill_(-8)
    return network
