"""A network as people write it, and as the remedies of `check` say to write it."""

import torch
from torch import Tensor, nn
from torch.nn import functional


class Found(nn.Module):
    """H-swish and a mean over the map, for which some runtimes have no INT8 kernel."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, 2, 1)
        self.project = nn.Conv2d(8, 8, 1)
        self.head = nn.Linear(8, 5)

    def activate(self, x: Tensor) -> Tensor:
        return functional.hardswish(x)

    def pool(self, x: Tensor) -> Tensor:
        return x.mean((2, 3))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.head(self.pool(self.project(self.activate(self.stem(x)))))
        return y


class Folded(Found):
    """H-swish with its 1/6 in the weights that follow."""

    def __init__(self) -> None:
        super().__init__()
        with torch.no_grad():
            self.project.weight /= 6

    def activate(self, x: Tensor) -> Tensor:
        return x * functional.relu6(x + 3)


class Pooled(Folded):
    """And with a pooling of a kernel over both axes."""

    def pool(self, x: Tensor) -> Tensor:
        return functional.avg_pool2d(x, (16, 16)).flatten(1)
