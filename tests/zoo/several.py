"""Networks with several inputs, several outputs, or outputs in containers."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.zoo.attention import CoordAtt
from tests.zoo.parts import Logits, conv, settled

IMAGE = (3, 32, 32)


class Backbone(nn.Module):
    """16 averages of an image, ``(N, 3, H, W)`` -> ``(N, 16)``."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(conv(3, 8, 3, 2), conv(8, 16, 3, 2), CoordAtt(16))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.body(x).mean((2, 3))
        return y


class AgeAndGender(nn.Module):
    """Two heads in a tuple, as networks for faces have them: an age ``(N, 1)``, and logits ``(N, 2)``."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone, self.age, self.gender = Backbone(), Logits(16, 1, 0), Logits(16, 2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y = self.backbone(x)
        return self.age(y), self.gender(y)


class DictOutput(nn.Module):
    """A dict of map and auxiliary map, as torchvision's networks for segmentation return it."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.out, self.aux = conv(3, 8, 3, 2), nn.Conv2d(8, 3, 1), nn.Conv2d(8, 3, 1)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        y = self.body(x)
        size = x.shape[2:]
        return {
            "out": functional.interpolate(self.out(y), size, mode="bilinear", align_corners=False),
            "aux": functional.interpolate(self.aux(y), size, mode="bilinear", align_corners=False),
        }


class Nested(nn.Module):
    """A dict of a list of two maps and a dict of logits: containers inside containers."""

    def __init__(self) -> None:
        super().__init__()
        self.low, self.high, self.head = conv(3, 8, 3, 2), conv(8, 16, 3, 2), Logits(16, 4)

    def forward(self, x: Tensor) -> dict[str, list[Tensor] | dict[str, Tensor]]:
        low = self.low(x)
        high = self.high(low)
        return {"maps": [low, high], "scores": {"logits": self.head(high.mean((2, 3)))}}


@dataclass
class Found:
    """An output of :class:`DataclassOutput`."""

    logits: Tensor
    features: Tensor


torch.export.register_dataclass(Found)


class DataclassOutput(nn.Module):
    """A dataclass of logits and features, as networks of transformers return it."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone, self.head = Backbone(), Logits(16)

    def forward(self, x: Tensor) -> Found:
        y = self.backbone(x)
        return Found(self.head(y), y)


class WithNone(nn.Module):
    """Logits and None, where a network has an auxiliary head in training only (torchvision's GoogLeNet)."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone, self.head, self.auxiliary = Backbone(), Logits(16), Logits(16)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        y = self.backbone(x)
        return self.head(y), self.auxiliary(y) if self.training else None


class SameTwice(nn.Module):
    """Probabilities and the logits behind them, one of which is also an activation inside the network."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone, self.head = Backbone(), Logits(16)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        logits = self.head(self.backbone(x))
        return logits.softmax(1), logits


class Attributes(nn.Module):
    """Many heads: 6 attributes of a pedestrian by sigmoid, in a list of ``(N, 1)``."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone, self.heads = Backbone(), nn.ModuleList(Logits(16, 1, 0) for _ in range(6))

    def forward(self, x: Tensor) -> list[Tensor]:
        y = self.backbone(x)
        return [head(y).sigmoid() for head in self.heads]


class WithMetadata(nn.Module):
    """An image and 6 numbers about it, as for skin lesions: ``(N, 3, H, W), (N, 6)`` -> ``(N, 5)``."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone, self.embed, self.head = Backbone(), nn.Linear(6, 8), Logits(24)

    def forward(self, image: Tensor, metadata: Tensor) -> Tensor:
        y = torch.cat([self.backbone(image), torch.relu(self.embed(metadata))], 1)
        logits: Tensor = self.head(y)
        return logits


class Siamese(nn.Module):
    """Two images through one backbone (arXiv 1606.09549): whether they show the same, ``(N, 1)``."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone, self.head = Backbone(), Logits(16, 1, 0)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        one, other = self.backbone(first), self.backbone(second)
        score: Tensor = self.head((one - other).abs()).sigmoid()
        return score


class Tracker(nn.Module):
    """A template of 32 px is the kernel that a scene of 64 px is convolved with (SiamFC): ``(N, 1, 9, 9)``.

    The kernel is computed, so the batch is one, as it is on a phone.
    """

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(conv(3, 8, 3, 2), conv(8, 8, 3, 2))

    def forward(self, template: Tensor, scene: Tensor) -> Tensor:
        return functional.conv2d(self.body(scene)[:1], self.body(template)[:1]) / 64


class Gaze(nn.Module):
    """Face, left and right eye and a head pose (iTracker, arXiv 1606.05814): where someone looks, ``(N, 2)``."""

    def __init__(self) -> None:
        super().__init__()
        self.face = Backbone()
        self.eye = nn.Sequential(conv(1, 8, 3, 2), conv(8, 8, 3, 2), nn.AdaptiveAvgPool2d(2), nn.Flatten())
        self.head = Logits(16 + 2 * 32 + 3, 2, 0)

    def forward(self, face: Tensor, left: Tensor, right: Tensor, pose: Tensor) -> Tensor:
        parts = [self.face(face), self.eye(left), self.eye(right.flip(3)), pose]
        where: Tensor = self.head(torch.cat(parts, 1))
        return where


class Recurrent(nn.Module):
    """A frame and the state of the one before it (robust video matting, arXiv 2108.11515): a mask and the new state."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.gates, self.candidate = conv(3, 8, 3, 2), nn.Conv2d(16, 16, 3, 1, 1), nn.Conv2d(16, 8, 3, 1, 1)
        self.head = nn.Conv2d(8, 1, 1)

    def forward(self, frame: Tensor, state: Tensor) -> dict[str, Tensor]:
        x = self.stem(frame)
        update, reset = self.gates(torch.cat([x, state], 1)).sigmoid().chunk(2, 1)
        candidate = torch.tanh(self.candidate(torch.cat([x, reset * state], 1)))
        state = (1 - update) * state + update * candidate
        return {"mask": self.head(state).sigmoid(), "state": state}


class Tabular(nn.Module):
    """Plain numbers only, ``(N, 12)`` -> ``(N, 3)``: a perceptron with batch norm (sensors, tables)."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = nn.Sequential(nn.Linear(12, 32), nn.BatchNorm1d(32), nn.ReLU()), Logits(32, 3)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.body(x))
        return logits


def age_and_gender() -> nn.Module:
    return settled(AgeAndGender, IMAGE)


def dict_output() -> nn.Module:
    return settled(DictOutput, IMAGE)


def nested() -> nn.Module:
    return settled(Nested, IMAGE)


def dataclass_output() -> nn.Module:
    return settled(DataclassOutput, IMAGE)


def with_none() -> nn.Module:
    return settled(WithNone, IMAGE)


def same_twice() -> nn.Module:
    return settled(SameTwice, IMAGE)


def attributes() -> nn.Module:
    return settled(Attributes, IMAGE)


def with_metadata() -> nn.Module:
    return settled(WithMetadata, IMAGE, (6,))


def siamese() -> nn.Module:
    return settled(Siamese, IMAGE, IMAGE)


def tracker() -> nn.Module:
    return settled(Tracker, IMAGE, (3, 64, 64))


def gaze() -> nn.Module:
    return settled(Gaze, IMAGE, (1, 24, 36), (1, 24, 36), (3,))


def recurrent() -> nn.Module:
    return settled(Recurrent, IMAGE, (8, 16, 16))


def tabular() -> nn.Module:
    return settled(Tabular, (12,))
