"""Networks that take images of any size, or only seem to; weights are made once and fixed."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.zoo.shapes import _settled

HEIGHT, WIDTH = 32, 48
_SHAPE = (3, HEIGHT, WIDTH)


class Body(nn.Module):
    """``(N, 3, H, W)`` -> ``(N, 8, H / 2, W / 2)``; subclasses end it."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU6())
        self.head = nn.Conv2d(8, 6, 1)


class TwoHeads(Body):
    """Maps, and one vector per image."""

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        y = self.body(x)
        return {"maps": self.head(y), "vector": y.mean((2, 3))}


class WithState(Body):
    """An image, and three numbers that scale its channels in pairs."""

    def forward(self, image: Tensor, state: Tensor) -> Tensor:
        maps: Tensor = self.head(self.body(image)) * state.repeat(1, 2)[..., None, None]
        return maps


class Grid(Body):
    """Points, as a detector's: offsets, to which the positions on the map are added."""

    def forward(self, x: Tensor) -> Tensor:
        y = self.head(self.body(x))
        rows, columns = (torch.arange(side, dtype=torch.float32) for side in y.shape[2:])
        grid = torch.stack(torch.meshgrid(columns, rows, indexing="xy"))
        return torch.cat([y[:, :2].sigmoid() + grid, y[:, 2:]], 1).flatten(2)


class PositionEmbedding(Body):
    def __init__(self) -> None:
        super().__init__()
        self.positions = nn.Parameter(torch.randn(1, 6, HEIGHT // 2 * WIDTH // 2))

    def forward(self, x: Tensor) -> Tensor:
        vector: Tensor = (self.head(self.body(x)).flatten(2) + self.positions).mean(2)
        return vector


class IntegerHeight(Body):
    def forward(self, x: Tensor) -> Tensor:
        return functional.interpolate(self.head(self.body(x)), (int(x.shape[2]), int(x.shape[3])))


class Branching(Body):
    def forward(self, x: Tensor) -> Tensor:
        maps: Tensor = self.head(self.body(x.transpose(2, 3) if x.shape[2] > x.shape[3] else x))
        return maps


class FourPlaces(Body):
    def __init__(self) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(2)

    def forward(self, x: Tensor) -> Tensor:
        places: Tensor = self.pool(self.head(self.body(x)))
        return places


class WholePool(Body):
    def __init__(self) -> None:
        super().__init__()
        self.pool = nn.AvgPool2d((HEIGHT // 2, WIDTH // 2))

    def forward(self, x: Tensor) -> Tensor:
        vector: Tensor = self.pool(self.head(self.body(x))).flatten(1)
        return vector


class Halves(Body):
    def forward(self, x: Tensor) -> Tensor:
        return torch.cat(self.head(self.body(x)).chunk(2, 2), 1)


class Doubled(Body):
    """Maps at the image's own size, enlarged by a factor."""

    def forward(self, x: Tensor) -> Tensor:
        return functional.interpolate(self.head(self.body(x)), scale_factor=2, mode="bilinear")


class Resized(Body):
    """Maps at the image's own size, whatever that is, and a summary of the image at every position."""

    def forward(self, x: Tensor) -> Tensor:
        y = self.body(x)
        summary = functional.interpolate(functional.adaptive_avg_pool2d(y, 1), y.shape[2:], mode="bilinear")
        return functional.interpolate(self.head(y * summary), x.shape[2:], mode="bilinear")


class Upper(Body):
    """The upper half of the maps, and where each column lies."""

    def forward(self, x: Tensor) -> Tensor:
        y = self.head(self.body(x))
        upper: Tensor = y[:, :, : y.shape[2] // 2] + torch.arange(y.shape[3]) / y.shape[3]
        return upper


class TwoImages(Body):
    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        maps: Tensor = self.head(self.body(left) - self.body(right))
        return maps


def two_images() -> nn.Module:
    return TwoImages().eval()


def two_heads() -> nn.Module:
    return _settled(TwoHeads, _SHAPE)


def with_state() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(8)
        return WithState().eval()


def grid() -> nn.Module:
    return _settled(Grid, _SHAPE)


def position_embedding() -> nn.Module:
    return _settled(PositionEmbedding, _SHAPE)


def integer_height() -> nn.Module:
    return _settled(IntegerHeight, _SHAPE)


def branching() -> nn.Module:
    return _settled(Branching, _SHAPE)


def four_places() -> nn.Module:
    return _settled(FourPlaces, _SHAPE)


def whole_pool() -> nn.Module:
    return _settled(WholePool, _SHAPE)


def halves() -> nn.Module:
    return _settled(Halves, _SHAPE)


def doubled() -> nn.Module:
    return _settled(Doubled, _SHAPE)


def resized() -> nn.Module:
    return _settled(Resized, _SHAPE)


def upper() -> nn.Module:
    return _settled(Upper, _SHAPE)
