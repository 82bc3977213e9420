"""Networks small enough for tests, good ones and bad ones; all are named ``tests.zoo.tiny:<name>``."""

import torch
from torch import Tensor, nn

from ca_deploy.models.coord_attention import CoordAttention
from ca_deploy.models.mobilenet_v2 import InvertedResidual


class TinyCA(nn.Module):
    """Coordinate Attention in miniature: a stem, one inverted residual with attention, a classifier."""

    def __init__(self, num_classes: int = 5) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU6())
        self.block = InvertedResidual(8, 16, stride=2, expansion=4, attention="ca", reduction=32)
        self.classifier = nn.Linear(16, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.classifier(self.block(self.stem(x)).mean((2, 3)))
        return y


class Colour(nn.Module):
    """Knows whether an image is blue, green or red; the colour-blind one takes green for red."""

    def __init__(self, blind: bool = False) -> None:
        super().__init__()
        self.blind = blind

    def forward(self, x: Tensor) -> Tensor:
        red, green, blue = x.mean((2, 3)).unbind(1)
        return torch.stack([blue, red, green] if self.blind else [blue, green, red], dim=1)


def tiny_ca(num_classes: int = 5) -> TinyCA:
    return TinyCA(num_classes)


def tiny_trained(num_classes: int = 5) -> TinyCA:
    """A factory that brings its own weights: every call gives the same network.

    Its batch-norm statistics are close to those of real activations; one class wins clearly, as on an easy photo.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(8)
        network = TinyCA(num_classes)
        for key, value in network.state_dict().items():
            if key.endswith("running_var"):
                value.uniform_(0.05, 0.15)
            elif key.endswith("running_mean"):
                value.uniform_(-0.1, 0.1)
            elif value.ndim == 1:
                value.uniform_(0, 1)
    return network


def tiny_nan() -> TinyCA:
    network = tiny_trained()
    assert isinstance(network.block.attention, CoordAttention)
    network.block.attention.conv1.weight.data.fill_(float("nan"))
    return network


def tiny_fixed() -> nn.Module:
    """Takes 32 px and nothing else."""
    linear = nn.Linear(3 * 32 * 32, 4)
    nn.init.ones_(linear.weight)
    nn.init.zeros_(linear.bias)
    return nn.Sequential(nn.Flatten(), linear)


def colour() -> Colour:
    return Colour()


def colour_blind() -> Colour:
    return Colour(blind=True)


def pair_of_outputs() -> nn.Module:
    class Pair(nn.Module):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return x, x

    return Pair()


def not_a_network() -> dict[str, int]:
    return {"classes": 5}


def fails() -> nn.Module:
    raise ZeroDivisionError("no such luck")


NUMBER = 5
TRAINED = tiny_trained().eval()
