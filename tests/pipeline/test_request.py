"""What cannot be done is refused before anything starts, with the name of what is wrong."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ca_deploy import ModelSource
from ca_deploy.errors import CaDeployError, RecipeError, RuntimeUnavailable, UsageError
from ca_deploy.pipeline.request import requested
from ca_deploy.records.input_wish import input_wish
from ca_deploy.shipped import data_folder
from tests.pipeline.kit import TINY


def recipe_file(folder: Path, shipped: str, name: str, more: str = "") -> str:
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.toml"
    shutil.copy(data_folder("export_recipes") / f"{shipped}.toml", path)
    path.write_text(path.read_text() + more)
    return str(path)


def test_a_recipe_that_is_named_twice_is_one(tmp_path: Path) -> None:
    twin = recipe_file(tmp_path, "onnx_float32", "onnx_float32")  # of the same name and contents
    asked = requested(TINY, ["onnx_float32", "tflite_float32", "onnx_float32", "onnx_float16", twin], tmp_path)
    assert [recipe.name for recipe in asked.recipes] == ["onnx_float32", "tflite_float32", "onnx_float16"]
    groups = {format.name: [recipe.name for recipe in group] for format, group in asked.formats().items()}
    assert groups == {"onnx": ["onnx_float32", "onnx_float16"], "tflite": ["tflite_float32"]}
    assert asked.log(asked.recipes[0]) == tmp_path / "tiny_trained.onnx_float32.log"


@pytest.mark.parametrize(
    ("arguments", "kind", "said"),
    [
        ({"recipes": []}, UsageError, "name at least one recipe"),
        ({"recipes": ["onnx_flaot32"]}, UsageError, "Did you mean 'onnx_float32'"),
        ({"targets": ["coreml"]}, UsageError, r"--check coreml checks .*\.mlpackage.* files, and none is"),
        ({"targets": ["ort_xnpack"]}, UsageError, "Did you mean 'ort_xnnpack'"),
        ({"source": ModelSource("mobilenet_v2_caa")}, UsageError, "Did you mean 'mobilenet_v2_ca'"),
        ({"source": ModelSource(task="clasification")}, UsageError, "Did you mean 'classification'"),
        ({"source": ModelSource("my/net.py")}, UsageError, "package.module:factory"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(
    arguments: dict[str, Any], kind: type[CaDeployError], said: str, tmp_path: Path
) -> None:
    with pytest.raises(kind, match=said):
        requested(**{"source": TINY, "recipes": ["onnx_float32"], "output": tmp_path / "out", **arguments})
    assert not (tmp_path / "out").exists()


def test_unlike_recipes_of_one_name_are_refused(tmp_path: Path) -> None:
    first = recipe_file(tmp_path / "a", "onnx_float32", "mine")
    second = recipe_file(tmp_path / "b", "onnx_float16", "mine")
    with pytest.raises(UsageError, match=r"mine.*would write files of the same name"):
        requested(TINY, [first, second], tmp_path / "out")


def test_all_that_is_wrong_with_a_recipe_is_said(tmp_path: Path) -> None:
    layers = '[[layer]]\nmatch = "a"\nactivation_bits = 16\n[[layer]]\nmatch = "b"\nactivation_bits = "float"\n'
    with pytest.raises(RecipeError) as error:
        requested(TINY, [recipe_file(tmp_path, "onnx_float32", "mine", layers)], tmp_path / "out")
    assert "mine.toml has 2 error(s):" in str(error.value)
    assert "\n  layer.0.activation_bits: format = 'onnx' cannot have 16: " in str(error.value)
    assert "\n  layer: mode = 'float32' does not quantise activations; remove [[layer]]." in str(error.value)


def test_a_converter_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "litert_torch" else find(name))
    with pytest.raises(RuntimeUnavailable, match="Recipe tflite_float16 needs litert_torch, which this machine lacks"):
        requested(TINY, ["onnx_float32", "tflite_float16", "tflite_float32"], tmp_path)


@pytest.mark.parametrize(
    ("given", "options", "expected"),
    [
        ((), {}, ("image=image:6x9", "state=5")),
        (("image=image:6x9",), {}, ("image=image:6x9", "state=5")),
        (("state=5",), {}, ("state=5", "image=image:6x9")),
        ((), {"input_size": (6, 9)}, ("image=image", "state=5")),
    ],
)
def test_samples_say_what_options_leave_open(
    tmp_path: Path, given: tuple[str, ...], options: dict[str, Any], expected: tuple[str, ...]
) -> None:
    file = tmp_path / "samples.npz"
    np.savez(file, image=np.zeros((3, 6, 9, 3), np.uint8), state=np.zeros((3, 5), np.float32))
    source = ModelSource("tests.zoo.several:with_metadata", inputs=tuple(map(input_wish, given)), **options)
    found = requested(source, ["onnx_float32"], tmp_path / "out", calibration=str(file)).source
    assert found.inputs == tuple(map(input_wish, expected))
