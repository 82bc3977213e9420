"""The tiny network by the recipes of every format."""

from collections.abc import Iterator

import pytest

import ca_deploy
from ca_deploy.pipeline.export import Export
from tests.pipeline.kit import RECIPES, TINY
from tests.warm import Idle


@pytest.fixture(scope="package")
def exports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Export]:
    done = ca_deploy.export(TINY, recipes=RECIPES, output=tmp_path_factory.mktemp("tiny"))
    return {export.manifest.recipe.name: export for export in done}


@pytest.fixture(scope="package")
def idle_converters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Idle]:
    """For all files of this folder that use ``warm_converters``."""
    with Idle(tmp_path_factory.mktemp("idle")) as idle:
        yield idle
