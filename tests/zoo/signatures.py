"""Networks with several inputs or outputs, of tiny layers; weights are made once and fixed."""

from collections.abc import Callable

import torch
from torch import Tensor, nn


def _fixed(build: Callable[[], nn.Module]) -> nn.Module:
    """The same network at every call."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(8)
        return build().eval()


def _body(channels: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(channels, 8, 3, 2, 1), nn.ReLU6(), nn.Conv2d(8, 8, 3, 2, 1), nn.ReLU6())


class TwoHeaded(nn.Module):
    """Logits ``(N, 5)``, a map ``(N, 2, H / 4, W / 4)``, and in each place the largest feature as an integer."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.map, self.logits = _body(3), nn.Conv2d(8, 2, 1), nn.Linear(8, 5)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        features = self.body(image)
        logits = self.logits(features.mean((2, 3)))
        return {"logits": logits, "map": self.map(features), "classes": features.argmax(1)}


class WithState(nn.Module):
    """An image and the state ``(N, 5)`` of the one before it: logits ``(N, 3)``, and the new state."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.next, self.logits = _body(3), nn.Linear(13, 5), nn.Linear(5, 3)

    def forward(self, image: Tensor, state: Tensor) -> dict[str, Tensor]:
        state = self.next(torch.cat([self.body(image).mean((2, 3)), state], 1)).relu()
        return {"logits": self.logits(state), "state": state}


class TwoImages(nn.Module):
    """Images of different sizes and channels, ``(N, 3, H, W)`` and ``(N, 1, H, W)`` -> ``(N, 4)``."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right, self.head = _body(3), _body(1), nn.Linear(16, 4)

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        both = torch.cat([self.left(left).mean((2, 3)), self.right(right).mean((2, 3))], 1)
        given: Tensor = self.head(both)
        return given


class Tokens(nn.Module):
    """Six words by number, int64 ``(N, 6)`` -> ``(N, 3)``."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.head = nn.Embedding(10, 8), nn.Linear(8, 3)

    def forward(self, words: Tensor) -> Tensor:
        given: Tensor = self.head(self.embedding(words).mean(1))
        return given


def two_headed() -> nn.Module:
    return _fixed(TwoHeaded)


def with_state() -> nn.Module:
    return _fixed(WithState)


def two_images() -> nn.Module:
    return _fixed(TwoImages)


def tokens() -> nn.Module:
    return _fixed(Tokens)


def mlp() -> nn.Module:
    """Plain numbers, ``(N, 12)`` -> ``(N, 3)``."""
    return _fixed(lambda: nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 3)))
