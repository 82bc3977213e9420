"""A small classifier, and its packages by every Core ML recipe."""

import dataclasses
from pathlib import Path

import pytest
from torch import Tensor, nn

from ca_deploy.models.coord_attention import CoordAttention
from ca_deploy.networks.source import Network
from ca_deploy.records.conversion import Converted
from tests.formats.coreml.kit import LABELS, RECIPES
from tests.formats.kit import export_all, network_of, seeded


class Small(nn.Module):
    """Coordinate Attention between layers that are just large enough to be compressed."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU6())
        self.attention = CoordAttention(32)
        self.project = nn.Sequential(nn.Conv2d(32, 48, 1, bias=False), nn.BatchNorm2d(48), nn.ReLU6())
        self.classifier = nn.Linear(48, 5)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.project(self.attention(self.stem(x))).mean((2, 3)))
        return logits


@pytest.fixture(scope="package")
def network() -> Network:
    """A classifier with labels, and deviations that ImageType cannot express."""
    return dataclasses.replace(network_of(seeded(Small)), labels=LABELS, licence="MIT")


@pytest.fixture(scope="package")
def exported(network: Network, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Converted]]:
    """The network by every Core ML recipe."""
    return export_all(network, RECIPES, tmp_path_factory.mktemp("coreml"))
