"""Packages describe themselves."""

from pathlib import Path

import pytest

from ca_deploy.records.conversion import Converted
from tests.formats.coreml.kit import RECIPES, specification


@pytest.mark.parametrize("name", RECIPES)
def test_it_is_described(name: str, exported: dict[str, tuple[Path, Converted]]) -> None:
    description = specification(exported[name][0]).description
    metadata = description.metadata
    assert metadata.license == "MIT"
    assert metadata.author == "not stated"
    assert name in metadata.shortDescription
    assert metadata.versionString
    assert all(feature.shortDescription for feature in (*description.input, *description.output))
