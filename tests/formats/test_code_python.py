"""Written Python runs files with any inputs and outputs, and prints what ca-deploy's own comparison computes."""

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import ca_deploy
from ca_deploy import ModelSource
from ca_deploy.data.images import open_rgb
from ca_deploy.evaluation.predictor import open_predictor
from ca_deploy.pipeline.export import Export
from ca_deploy.records.input_wish import input_wish
from ca_deploy.records.samples import Samples
from ca_deploy.records.signature import NetworkInput

pytestmark = pytest.mark.usefixtures("warm_converters")


@dataclass(frozen=True, slots=True)
class Case:
    """A network of ``tests.zoo``, what is said of its inputs, and the recipes to export it by."""

    network: str
    inputs: tuple[str, ...]
    recipes: tuple[str, ...]
    batch: int = 1


CASES = {
    "two_headed": Case(
        "signatures:two_headed",
        ("image=image:32",),
        ("onnx_static_wi8_ai8_uint8rgb_io", "tflite_static_wi8_ai8_int8_io"),
    ),
    "with_state": Case("signatures:with_state", ("image=image:32", "state=5"), ("onnx_float32",)),
    "two_images": Case(
        "signatures:two_images",
        ("left=image:32", "right=image:24x40:grey"),
        ("onnx_static_wi8_ai8_int8_io", "tflite_float32", "coreml_float32"),
    ),
    "mlp": Case("signatures:mlp", ("input=12",), ("onnx_static_wi8_ai8_int8_io", "tflite_float32")),
    "tokens": Case("signatures:tokens", ("words=6:int64",), ("onnx_float32", "tflite_float32")),
    "batch": Case(
        "signatures:with_state",
        ("image=image:32", "state=5"),
        ("tflite_static_wi8_ai8_int8_io", "coreml_float32"),
        batch=4,
    ),
    "batch_of_photos": Case("tiny:tiny_trained", ("image=image:32",), ("tflite_float32",), batch=4),
}
FILES = [(name, recipe) for name, case in CASES.items() for recipe in case.recipes]


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Export]:
    found = {}
    for name, case in CASES.items():
        source = ModelSource(f"tests.zoo.{case.network}", inputs=tuple(map(input_wish, case.inputs)))
        folder = tmp_path_factory.mktemp(name)
        for export in ca_deploy.export(source, recipes=case.recipes, output=folder, batch=case.batch):
            found[name, export.manifest.recipe.name] = export
    return found


@pytest.mark.parametrize(("case", "recipe"), FILES)
def test_a_script_prints_all_outputs(
    exports: dict[tuple[str, str], Export], case: str, recipe: str, tmp_path: Path
) -> None:
    export, batch = exports[case, recipe], CASES[case].batch
    arguments, arrays = [], {}
    for seed, taken in enumerate(export.manifest.signature.inputs):
        files, arrays[taken.name] = given(taken, batch, seed, tmp_path)
        arguments += files
    command = [sys.executable, str(export.path.with_suffix(".py")), *arguments]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    wanted = open_predictor(export.path).run(Samples(arrays, tuple("abcd"[:batch])))
    found = parsed(printed)
    assert list(found) == list(wanted) == [one.name for one in export.manifest.signature.outputs]
    for name, values in wanted.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-5, atol=1e-6)
        assert float(np.ptp(values)) > 0, "an output that is the same everywhere shows nothing"


def test_without_arguments_a_script_says_how_it_is_called(exports: dict[tuple[str, str], Export]) -> None:
    script = exports["batch", "coreml_float32"].path.with_suffix(".py")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True)
    assert done.returncode == 1
    assert f"    python {script.name} image_{{1..4}}.jpg state.npy\n" in done.stderr
    assert "state: an array of float32 (4, 5)\n" in done.stderr


def test_integers_stay_integers(exports: dict[tuple[str, str], Export]) -> None:
    source = exports["two_headed", "tflite_static_wi8_ai8_int8_io"].path.with_suffix(".py").read_text(encoding="utf-8")
    assert "'classes': outputs[2],  # (1, 8, 8)\n" in source
    assert "'logits': (outputs[0].astype(np.float32) - " in source


def test_only_what_takes_photos_needs_pillow(exports: dict[tuple[str, str], Export]) -> None:
    source = exports["mlp", "tflite_float32"].path.with_suffix(".py").read_text(encoding="utf-8")
    assert "PIL" not in source
    assert "pillow" not in source


def given(taken: NetworkInput, batch: int, seed: int, folder: Path) -> tuple[list[str], NDArray[np.generic]]:
    """Files for the command line, and the same as samples."""
    random = np.random.default_rng(seed)
    if taken.preprocessing is None:
        shape = (batch, *taken.shape[1:])
        array = random.integers(0, 10, shape) if taken.dtype == "int64" else random.normal(size=shape)
        array = array.astype(taken.dtype)
        np.save(folder / f"{taken.name}.npy", array)
        return [str(folder / f"{taken.name}.npy")], array
    photos = []
    for number in range(batch):
        photos.append(folder / f"{taken.name}{number}.png")
        pixels = random.integers(0, 256, (6, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((80, 60), Image.Resampling.BILINEAR).save(photos[-1])
    pixels = np.stack([taken.preprocessing.to_pixels(open_rgb(photo)) for photo in photos])
    return list(map(str, photos)), pixels


def parsed(printed: str) -> dict[str, NDArray[np.float64]]:
    """Arrays by name, of lines such as ``logits (1, 2):`` and ``[[0.5 1.5]]``."""
    found = {}
    for name, shape, values in re.findall(r"^(\w+) \(([\d, ]+)\):\n((?:[ \[].*\n|\n)+)", printed, re.M):
        sides = [int(side) for side in shape.split(",") if side.strip()]
        numbers = [float(number) for number in re.sub(r"[\[\]]", " ", values).split()]
        found[name] = np.array(numbers).reshape(sides)
    return found
