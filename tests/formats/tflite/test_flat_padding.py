"""Rows are padded as a whole: the same bytes, in float and in integers."""

from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from ca_deploy.formats.tflite.flat_padding import flat_padding
from ca_deploy.graphs import flatbuffer
from ca_deploy.networks.source import load
from ca_deploy.recipes import load_recipe
from tests.formats.kit import export, photos
from tests.pipeline.kit import TINY


@pytest.mark.parametrize("recipe", ["tflite_float32", "tflite_static_wi8_ai8", "tflite_static_wi8_ai16"])
def test_the_answers_are_the_same_bit_for_bit(recipe: str, tmp_path: Path) -> None:
    path = tmp_path / "tiny.tflite"
    converted = export(load(TINY), load_recipe(recipe), path, photos(16, seed=1), lowering="reference")
    assert converted.lowering.flat_pads == 0
    before = path.read_bytes()
    model = flatbuffer.read(before)
    pads = flatbuffer.operator_histogram(model)["PAD"]
    assert flat_padding(model) == pads > 0
    after = flatbuffer.write(model)
    image = np.random.default_rng(0).normal(size=(1, 32, 32, 3)).astype(np.float32)
    assert np.array_equal(_answer(after, image), _answer(before, image))
    assert flatbuffer.operator_histogram(flatbuffer.read(after))["PAD"] == pads
    assert flat_padding(flatbuffer.read(after)) == 0  # a row has three axes now


def _answer(content: bytes, image: np.ndarray) -> np.ndarray:
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
    interpreter.invoke()
    found: np.ndarray = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    return found
