"""The TFLite exporter, on a tiny Coordinate-Attention network: files that are right, and say what they are."""

from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from ca_deploy.errors import RecipeError
from ca_deploy.graphs import flatbuffer
from ca_deploy.graphs.float16_arithmetic import allows_float16
from ca_deploy.networks.source import Network
from ca_deploy.recipes import load_recipe
from ca_deploy.records.conversion import Converted
from ca_deploy.runtimes.litert import FLOAT16_AGREEMENT_DB, agreement_db
from tests.formats import kit
from tests.formats.kit import export_on_photos as export
from tests.formats.kit import photos, sqnr_db
from tests.formats.tflite.kit import RECIPES, run
from tests.samples import answers


def test_float32_agrees_with_torch(network: Network, exported: dict[str, tuple[Path, Converted]]) -> None:
    rgb = photos(8, seed=2)
    found = run(*exported["tflite_float32"], network, rgb)
    assert np.abs(found - answers(network, rgb)).max() <= 1e-4


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_runs_and_is_accurate(
    name: str, network: Network, exported: dict[str, tuple[Path, Converted]]
) -> None:
    rgb = photos(16, seed=3)
    assert sqnr_db(run(*exported[name], network, rgb), answers(network, rgb)) > 20


@pytest.mark.parametrize("name", RECIPES)
def test_inputs_and_outputs_are_as_described(name: str, exported: dict[str, tuple[Path, Converted]]) -> None:
    path, converted = exported[name]
    recipe = load_recipe(name)
    interpreter = Interpreter(model_path=str(path))
    for specs, details in (
        (converted.inputs, interpreter.get_input_details()),
        (converted.outputs, interpreter.get_output_details()),
    ):
        (spec,), (detail,) = specs, details
        assert spec.name == detail["name"]
        assert spec.shape == tuple(detail["shape"])
        assert np.dtype(spec.dtype) == detail["dtype"]
        if spec.scale is not None:
            assert (np.float32(spec.scale), spec.zero_point) == detail["quantization"]
    expected = {"float32": ("float32", "float32"), "int8": ("int8", "int8"), "uint8rgb": ("uint8", "float32")}
    assert (converted.inputs[0].dtype, converted.outputs[0].dtype) == expected[recipe.io]
    assert converted.inputs[0].normalised == (recipe.io != "uint8rgb")
    assert (converted.inputs[0].name, converted.outputs[0].name) == ("image", "logits")
    assert set(converted.tools) == {"torch", "litert-torch", "ai-edge-quantizer", "ai-edge-litert"}


def test_what_stays_float_is_reported_with_its_reason(
    exported: dict[str, tuple[Path, Converted]], network: Network, tmp_path: Path
) -> None:
    recipe = load_recipe("tflite_static_wi8_ai16")
    as_written = kit.export(network, recipe, tmp_path / "tiny.tflite", photos(16, seed=1), lowering="reference")
    (hard_swish,) = as_written.float_operators
    assert (hard_swish.operator, hard_swish.count) == ("HARD_SWISH", 1)
    assert "INT16" in hard_swish.reason
    assert not exported["tflite_static_wi8_ai16"][1].float_operators  # attention is written without it
    _, converted = exported["tflite_dynamic_wi8_afp32"]
    stayed = {operator.operator for operator in converted.float_operators}
    assert "MUL" in stayed
    assert not stayed & set(flatbuffer.WEIGHTED)


def test_float16_arithmetic_is_asked_for_by_one_recipe_that_says_so(
    exported: dict[str, tuple[Path, Converted]],
) -> None:
    asking = {name for name in RECIPES if allows_float16(flatbuffer.read(exported[name][0].read_bytes()))}
    assert asking == {name for name in RECIPES if any("float16" in note for note in exported[name][1].notes)}
    assert asking == {"tflite_float16_afp16"}
    assert agreement_db(exported["tflite_float16_afp16"][0]) == FLOAT16_AGREEMENT_DB


@pytest.mark.parametrize("name", RECIPES)
def test_old_runtimes_find_every_buffer(name: str, exported: dict[str, tuple[Path, Converted]]) -> None:
    """Inside the flatbuffer, at multiples of 16 bytes."""
    content = exported[name][0].read_bytes()
    assert content[4:8] == b"TFL3"
    model = schema.Model.GetRootAs(content)
    for number in range(model.BuffersLength()):
        buffer = model.Buffers(number)
        assert buffer.Offset() == 0
        if buffer.DataLength():
            start = buffer.DataAsNumpy().__array_interface__["data"][0] - np.frombuffer(content, np.uint8).ctypes.data
            assert start % 16 == 0


def test_two_exports_are_byte_identical(
    network: Network, exported: dict[str, tuple[Path, Converted]], tmp_path: Path
) -> None:
    path, _ = exported["tflite_static_wi8_ai8"]
    export(network, load_recipe("tflite_static_wi8_ai8"), tmp_path / "again.tflite")
    assert (tmp_path / "again.tflite").read_bytes() == path.read_bytes()
    assert str(Path(__file__).parents[3]).encode() not in path.read_bytes()


def test_the_float32_file_lies_beside_the_integer_one(exported: dict[str, tuple[Path, Converted]]) -> None:
    _, converted = exported["tflite_static_wi8_ai8"]
    assert converted.float32_path is not None
    assert converted.float32_path.read_bytes() == exported["tflite_float32"][0].read_bytes()


def test_requests_that_make_no_sense_are_refused(network: Network, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="calibration"):
        kit.export(network, load_recipe("tflite_static_wi8_ai8"), tmp_path / "b.tflite")
