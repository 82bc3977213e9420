"""The tiny network, and its files by every TFLite recipe."""

from pathlib import Path

import pytest

from ca_deploy.models.coord_attention import CoordAttention
from ca_deploy.networks.source import Network
from ca_deploy.recipes import load_recipe
from ca_deploy.records.conversion import Converted
from tests.formats.kit import Tiny, network_of, seeded
from tests.formats.tflite.kit import RECIPES, export


@pytest.fixture(scope="package")
def network() -> Network:
    return network_of(seeded(lambda: Tiny(CoordAttention(16))))


@pytest.fixture(scope="package")
def exported(network: Network, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Converted]]:
    """The network by every TFLite recipe."""
    folder = tmp_path_factory.mktemp("tflite")
    files = {}
    for name in RECIPES:
        path = folder / f"{name}.tflite"
        files[name] = path, export(network, load_recipe(name), path)
    return files
