"""The tiny network, and its files by every TFLite recipe."""

from pathlib import Path

import pytest

from ca_deploy.models.coord_attention import CoordAttention
from ca_deploy.networks.source import Network
from ca_deploy.records.conversion import Converted
from tests.formats.kit import Tiny, export_all, network_of, seeded
from tests.formats.tflite.kit import RECIPES


@pytest.fixture(scope="package")
def network() -> Network:
    return network_of(seeded(lambda: Tiny(CoordAttention(16))))


@pytest.fixture(scope="package")
def exported(network: Network, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Converted]]:
    """The network by every TFLite recipe."""
    return export_all(network, RECIPES, tmp_path_factory.mktemp("tflite"))
