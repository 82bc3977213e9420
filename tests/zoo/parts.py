"""What the networks of the zoo have in common: settled weights, a convolution with its norm, a classifier's end."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_linear_bn_eval

_BATCHES, _BATCH = 20, 8


def settled(build: Callable[[], nn.Module], *shapes: tuple[int, ...]) -> nn.Module:
    """The same network at every call, whose batch norms know its activations.

    ``shapes`` are those of its inputs without the batch. Images ``(C, H, W)`` are noise of two scales, of different
    brightness and contrast, as photos are. Modules that are built in the first forward exist afterwards.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(8)
        network = build().train()
        with torch.no_grad():
            network(*(noise(_BATCH, shape) for shape in shapes))  # builds what is built late
            for norm in [module for module in network.modules() if isinstance(module, _BatchNorm)]:
                norm.reset_running_stats()
                norm.momentum = None  # a plain average, in which the initial variance of 1 has no part
            for _ in range(_BATCHES):
                network(*(noise(_BATCH, shape) for shape in shapes))
        network.eval()
        for head in [module for module in network.modules() if isinstance(module, Logits)]:
            head.fuse()
    return network


def noise(count: int, shape: tuple[int, ...]) -> Tensor:
    """Noise of variance about 1, ``(count, *shape)``; see :func:`settled`."""
    fine = torch.randn(count, *shape)
    if len(shape) != 3:
        return fine
    channels, height, width = shape
    coarse = torch.randn(count, channels, height // 8 + 1, width // 8 + 1)
    contrast, brightness = torch.rand(count, 1, 1, 1) + 0.3, torch.randn(count, channels, 1, 1) / 2
    return (functional.interpolate(coarse, (height, width), mode="bilinear") + fine / 2) * contrast + brightness


def conv(
    inputs: int,
    outputs: int,
    kernel: int = 3,
    stride: int = 1,
    groups: int = 1,
    act: Callable[[], nn.Module] = nn.ReLU,
    dilation: int = 1,
) -> nn.Sequential:
    """Convolution, batch norm and activation, with the padding that keeps the size at stride 1."""
    padding = dilation * (kernel - 1) // 2
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, padding, dilation, groups, bias=False),
        nn.BatchNorm2d(outputs),
        act(),
    )


class Logits(nn.Module):
    """A linear layer whose outputs differ from image to image as trained ones do: ``(N, inputs)`` -> ``(N, outputs)``.

    With random weights they would be nearly constant, and a file that ignores its image would pass. ``settled`` merges
    the norm into the layer. ``winner`` is added to the first output, so that one class wins clearly.
    """

    def __init__(self, inputs: int, outputs: int = 5, winner: float = 8.0) -> None:
        super().__init__()
        self.linear, self.norm = nn.Linear(inputs, outputs), nn.BatchNorm1d(outputs)
        self.norm.bias.data[0] = winner
        self.fused = False

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.linear(x)
        return y if self.fused else self.norm(y)

    def fuse(self) -> None:
        self.linear = fuse_linear_bn_eval(self.linear, self.norm)
        del self.norm
        self.fused = True


class Classifier(nn.Module):
    """A body that gives ``channels`` maps, their average, a linear layer: ``(N, C, H, W)`` -> ``(N, classes)``."""

    def __init__(self, body: nn.Module, channels: int, classes: int = 5) -> None:
        super().__init__()
        self.body = body
        self.head = Logits(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.body(x).mean((2, 3)))
        return logits
