"""The tiny network by the recipes of every format."""

import pytest

import ca_deploy
from ca_deploy.pipeline.export import Export
from tests.pipeline.kit import RECIPES, TINY


@pytest.fixture(scope="package")
def exports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Export]:
    done = ca_deploy.export(TINY, recipes=RECIPES, output=tmp_path_factory.mktemp("tiny"))
    return {export.manifest.recipe.name: export for export in done}
