"""Files of the tiny network, which several tests look into."""

from pathlib import Path

import pytest

import ca_deploy
from tests.pipeline.kit import TINY

RECIPES = (
    "onnx_float32",
    "tflite_float32",
    "coreml_float16",
    "onnx_static_wi8_ai8",
    "tflite_static_wi8_ai8",
    "coreml_static_wi8_ai8",
)


@pytest.fixture(scope="package")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The file of each recipe."""
    exports = ca_deploy.export(TINY, recipes=RECIPES, output=tmp_path_factory.mktemp("files"))
    return {export.manifest.recipe.name: export.path for export in exports}
