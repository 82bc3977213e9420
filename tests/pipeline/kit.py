"""What these tests export."""

from ca_deploy import ModelSource
from ca_deploy.recipes import recipe_names

TINY = ModelSource("tests.zoo.tiny:tiny_trained", input_size=32, mean=(0.4, 0.5, 0.6), std=(0.2, 0.25, 0.3))
# Core ML's other recipes differ inside the exporter only; tests/formats/coreml/test_export.py runs all of them.
RECIPES = [name for name in recipe_names() if not name.startswith("coreml_")]
RECIPES += ["coreml_float32", "coreml_static_wi8_ai8_uint8rgb_io"]
