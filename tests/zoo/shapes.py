"""Networks whose images are not square RGB, and whose answers are not logits; weights are made once and fixed."""

from collections.abc import Callable

import torch
from torch import Tensor, nn


def _settled(build: Callable[[], nn.Module], shape: tuple[int, int, int]) -> nn.Module:
    """The same network at every call, whose batch norms know its activations on noise of a shape ``(C, H, W)``."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(8)
        network = build().train()
        with torch.no_grad():
            for _ in range(20):
                network(torch.randn(8, *shape))
    return network.eval()


class GreyUNet(nn.Module):
    """A map of two classes, ``(N, 1, H, W)`` -> ``(N, 2, H, W)``, in the form of a small U-Net (arXiv 1505.04597)."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(1, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU6())
        self.deep = nn.Sequential(nn.Conv2d(8, 16, 3, 2, 1), nn.BatchNorm2d(16), nn.ReLU6())
        self.up = nn.ConvTranspose2d(16, 8, 2, 2)
        self.head = nn.Conv2d(16, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        half = self.down(x)
        joined = torch.cat([half, self.up(self.deep(half))], 1)
        return nn.functional.interpolate(self.head(joined), x.shape[2:], mode="bilinear", align_corners=False)


class Keypoints(nn.Module):
    """Seven points per image, ``(N, 3, H, W)`` -> ``(N, 7, 2)``; a linear layer fixes the size of 40 x 72 px."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3, 4, 1), nn.BatchNorm2d(8), nn.ReLU6())
        self.points = nn.Linear(8 * 10 * 18, 14)

    def forward(self, x: Tensor) -> Tensor:
        points: Tensor = self.points(self.body(x).flatten(1))
        return points.view(-1, 7, 2)


def grey_unet() -> nn.Module:
    return _settled(GreyUNet, (1, 48, 80))


def keypoints() -> nn.Module:
    return _settled(Keypoints, (3, 40, 72))


class Embedding(nn.Module):
    """A unit vector per image, ``(N, 3, H, W)`` -> ``(N, 12)``, as networks for retrieval and faces end."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU6())
        self.vector = nn.Linear(8, 12)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.normalize(self.vector(self.body(x).mean((2, 3))))


def embedding() -> nn.Module:
    return _settled(Embedding, (3, 32, 32))
