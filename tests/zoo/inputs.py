"""Networks of several inputs; weights are made once and fixed."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn


class Found(NamedTuple):
    boxes: Tensor
    scores: Tensor


def _fixed(build: Callable[[], nn.Module]) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(8)
        return build().eval()


class PhotoAndState(nn.Module):
    """A photo ``(N, 3, H, W)`` and a state ``(N, 6)`` -> four boxes and their scores, by name."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU6(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.state = nn.Linear(6, 8)
        self.boxes, self.scores = nn.Linear(16, 16), nn.Linear(16, 4)

    def forward(self, photo: Tensor, state: Tensor) -> Found:
        joined = torch.cat([self.body(photo), self.state(state).relu()], 1)
        return Found(self.boxes(joined).view(-1, 4, 4), self.scores(joined).softmax(1))


class TwoPhotos(nn.Module):
    """Two grey photos of other sizes -> a dictionary with a map of the one and a class of the other."""

    def __init__(self) -> None:
        super().__init__()
        self.map = nn.Conv2d(1, 2, 3, padding=1)
        self.body = nn.Sequential(nn.Conv2d(1, 4, 3, 2, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Linear(4, 3)

    def forward(self, one: Tensor, other: Tensor) -> dict[str, Tensor]:
        return {"map": self.map(one), "classes": self.head(self.body(other))}


def photo_and_state() -> nn.Module:
    return _fixed(PhotoAndState)


def two_photos() -> nn.Module:
    return _fixed(TwoPhotos)
