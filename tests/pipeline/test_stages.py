"""One converter makes one file after the other: what happens is announced, and what is missing is asked for."""

from pathlib import Path

import pytest

from ca_deploy import plugins
from ca_deploy.errors import RecipeError
from ca_deploy.formats import find_format
from ca_deploy.networks.source import load
from ca_deploy.pipeline.stages import carry_out
from ca_deploy.progress import Counted
from ca_deploy.recipes import load_recipe
from ca_deploy.records.conversion import Conversion
from tests.formats.kit import photos
from tests.pipeline.kit import TINY
from tests.samples import samples_of


def conversion(name: str, folder: Path, count: int = 0) -> Conversion:
    recipe = load_recipe(name)
    path = folder / f"{name}{find_format(recipe.format).suffix}"
    return Conversion(TINY, recipe, samples_of(photos(count, seed=1)) if count else None, path, folder / "log")


def test_each_stage_is_announced_in_its_order(tmp_path: Path) -> None:
    converter = plugins.load(find_format("onnx").converter)(load(TINY))
    heard: dict[str, list[str | Counted]] = {}
    for name, count in (("onnx_float32", 0), ("onnx_float16", 0), ("onnx_static_wi8_ai8", 5)):
        heard[name] = []
        made = conversion(name, tmp_path, count)
        converted = carry_out(converter, made, heard[name].append)
        assert made.path.is_file()
        assert (converted.float32_path is None) == (name == "onnx_float32")
        assert converted.float32_path is None or converted.float32_path.is_file()
    counts = [step for step in heard["onnx_static_wi8_ai8"] if isinstance(step, Counted)]
    assert counts[:5] == [Counted("calibrating on 5 samples", number, 5) for number in range(1, 6)]
    heard["onnx_static_wi8_ai8"] = [step for step in heard["onnx_static_wi8_ai8"] if isinstance(step, str)]
    begin, end = "tracing the network to ONNX", "writing the file"
    assert heard == {
        "onnx_float32": [begin, end],
        "onnx_float16": [begin, "converting to float16", end],
        "onnx_static_wi8_ai8": [begin, "calibrating on 5 samples", "quantising weights and activations", end],
    }


@pytest.mark.parametrize("name", ["onnx", "tflite", "coreml"])
def test_calibration_images_that_are_missing_are_asked_for(name: str, tmp_path: Path) -> None:
    made = conversion(f"{name}_static_wi8_ai8", tmp_path)
    converter = plugins.load(find_format(name).converter)(load(TINY))
    with pytest.raises(RecipeError, match=rf"{name}_static_wi8_ai8 needs calibration images.*--calibration"):
        carry_out(converter, made, lambda text: None)
    assert not made.path.exists()
