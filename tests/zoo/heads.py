"""Networks in which the last matrix of the file is not the classifier, named ``tests.zoo.heads:<name>``."""

import torch
from torch import Tensor, nn


class Squeeze(nn.Module):
    """Squeeze-and-excitation with linear layers, called fc like many a classifier."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc = nn.Sequential(nn.Linear(channels, 4), nn.ReLU(), nn.Linear(4, channels), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        gates: Tensor = self.fc(x.mean((2, 3)))
        return x * gates[:, :, None, None]


class Classifier(nn.Module):
    """A convolution, squeeze-and-excitation, and a linear head, by default before the neck in the file."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.head = nn.Linear(12, num_classes)
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), Squeeze(8))
        self.neck = nn.Linear(8, 12)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.head(torch.relu(self.neck(self.body(x).mean((2, 3)))))
        return y


class Convolutional(nn.Module):
    """A head of ``3 * (5 + classes)`` channels, as in a detector with three anchors."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.predict = nn.Conv2d(8, 3 * (5 + num_classes), 1)
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), Squeeze(8))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.predict(self.body(x))
        return y


class Binary(nn.Module):
    """Two classes take one logit."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.body = nn.Conv2d(3, 8, 3, 2, 1)
        self.head = nn.Linear(8, 1 if num_classes == 2 else num_classes)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.head(self.body(x).mean((2, 3)))
        return y


def classifier(num_classes: int = 1000) -> Classifier:
    return Classifier(num_classes)


def classifier_without_default(num_classes: int) -> Classifier:
    return Classifier(num_classes)


def detector(num_classes: int = 80) -> Convolutional:
    return Convolutional(num_classes)


def binary(num_classes: int = 2) -> Binary:
    return Binary(num_classes)


def few(num_classes: int = 10) -> Classifier:
    """Takes at most ten classes."""
    if num_classes > 10:
        raise ValueError("too many")
    return Classifier(num_classes)


class Wrapped(nn.Module):
    """A network with a prefix of its own, as YOLO's and many a Lightning module have."""

    def __init__(self, num_classes: int = 5) -> None:
        super().__init__()
        self.model = Classifier(num_classes)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.model(x)
        return y
