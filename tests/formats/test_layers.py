"""``[[layer]]``: some layers of an INT8 file stay float or get 16 bits, and the file and its manifest say so."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import TensorProto

import ca_deploy
from ca_deploy import plugins
from ca_deploy.errors import ModelError, RecipeError
from ca_deploy.formats import Converter, find_format
from ca_deploy.graphs import flatbuffer
from ca_deploy.graphs.ort_plan import planned
from ca_deploy.mil.executor import Executor
from ca_deploy.networks.source import load
from ca_deploy.pipeline.export import Export
from ca_deploy.pipeline.stages import carry_out
from ca_deploy.progress import no_step
from ca_deploy.recipes import load_recipe
from ca_deploy.records.conversion import Conversion, Converted
from ca_deploy.records.recipe import LayerBits, LayerOverride
from ca_deploy.shipped import data_folder
from tests.formats.kit import photos, sqnr_db
from tests.formats.onnx import kit as onnx_kit
from tests.formats.tflite import kit as tflite_kit
from tests.pipeline.kit import TINY
from tests.samples import answers, samples_of

FORMATS = {"onnx": ".onnx", "tflite": ".tflite", "coreml": ".mlpackage"}
ATTENTION = "block.attention"


@cache
def converter(name: str) -> Converter[Any, Any, Any]:
    """One for all recipes of a format, as in an export."""
    made: Converter[Any, Any, Any] = plugins.load(find_format(name).converter)(load(TINY))
    return made


def convert(
    name: str, folder: Path, layers: Mapping[str, LayerBits], io: str = "", lowering: str = "reference"
) -> tuple[Converted, Path]:
    """The tiny network by a format's INT8 recipe, with these activation bits by pattern."""
    overrides = tuple(LayerOverride(match, bits) for match, bits in layers.items())
    recipe = replace(load_recipe(f"{name}_static_wi8_ai8{io}"), name="mine", layer=overrides)
    path = folder / f"tiny{FORMATS[name]}"
    conversion = Conversion(TINY, recipe, samples_of(photos(16, seed=1)), path, folder / "tiny.log", lowering=lowering)
    return carry_out(converter(name), conversion, no_step), path


def onnx_layers(path: Path) -> dict[str, set[str]]:
    """Node that ONNX Runtime executes -> the types of its float and 8-bit tensors."""
    graph = planned(onnx.load(path)).graph
    types = {v.name: v.type.tensor_type.elem_type for v in (*graph.value_info, *graph.input, *graph.output)}
    types |= {constant.name: constant.data_type for constant in graph.initializer}
    words = {TensorProto.FLOAT: "float", TensorProto.INT8: "int8"}
    found: dict[str, set[str]] = {}
    for node in graph.node:
        seen = {words[types[name]] for name in (*node.input, *node.output) if types.get(name) in words}
        found[node.name] = {"int8"} if node.op_type.startswith("Q") else seen
    return found


def tflite_layers(path: Path) -> dict[str, str]:
    """Result of an operator -> what it is made of; conversions left out."""
    model = flatbuffer.read(path.read_bytes())
    return {
        flatbuffer.tensor_name(model, result).removesuffix("_quantised"): flatbuffer.dtype(model, result)
        for operator in model.subgraphs[0].operators
        if flatbuffer.operator_name(model, operator) not in ("QUANTIZE", "DEQUANTIZE")
        for result in operator.outputs[:1]
    }


def coreml_layers(path: Path) -> list[tuple[str, bool]]:
    """Kind of a layer, and whether it takes what was quantised; in the order of the program."""
    program = Executor(path).program
    made = {tensor.name: operation.kind for operation in program.operations for tensor in operation.outputs}
    layers = [o for o in program.operations if o.kind in ("conv", "linear")]
    return [(layer.kind, made.get(layer.inputs["x"].name) == "dequantize") for layer in layers]


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Export]:
    """The tiny network with float attention by every format, and with attention in 16 bits by TFLite."""
    folder = tmp_path_factory.mktemp("layers")
    recipes = []
    for name, bits in (("onnx", '"float"'), ("tflite", '"float"'), ("coreml", '"float"'), ("tflite", "16")):
        text = (data_folder("export_recipes") / f"{name}_static_wi8_ai8.toml").read_text(encoding="utf-8")
        path = folder / f"{name}_{bits.strip(chr(34))}.toml"
        path.write_text(f'{text}\n[[layer]]\nmatch = "{ATTENTION}"\nactivation_bits = {bits}\n', encoding="utf-8")
        recipes.append(str(path))
    done = ca_deploy.export(TINY, recipes=recipes, output=folder / "out", lowering="reference")
    return {export.manifest.recipe.name: export for export in done}


@pytest.mark.parametrize("name", ["onnx_float", "tflite_float", "coreml_float", "tflite_16"])
def test_parity_holds_and_the_manifest_keeps_the_override(exports: dict[str, Export], name: str) -> None:
    made = exports[name]
    assert made.passed, made.manifest.parity.reason
    bits: LayerBits = 16 if name == "tflite_16" else "float"
    assert made.manifest.recipe.layer == (LayerOverride(ATTENTION, bits),)
    reasons = [found.reason for found in made.manifest.float_operators]
    kept = f"the recipe keeps it float: [[layer]] match = '{ATTENTION}'"
    assert (kept in reasons) == (bits == "float")


def test_onnx_attention_is_float_and_the_rest_int8(exports: dict[str, Export]) -> None:
    layers = onnx_layers(exports["onnx_float"].path)
    attention = {name: types for name, types in layers.items() if name.startswith(ATTENTION)}
    assert len(attention) >= 15
    assert all(types == {"float"} for types in attention.values()), attention
    for name in ("stem.0/Conv", "block.expand.0/Conv", "block.depthwise.0/Conv", "block.project.0/Conv"):
        assert layers[name] == {"int8"}, name


@pytest.mark.parametrize(("name", "dtype"), [("tflite_float", "float32"), ("tflite_16", "int16")])
def test_tflite_attention_is_as_wanted_and_the_rest_int8(exports: dict[str, Export], name: str, dtype: str) -> None:
    manifest = exports[name].manifest
    layers = tflite_layers(exports[name].path)
    attention = {layer: found for layer, found in layers.items() if layer.startswith(ATTENTION)}
    others = {layer: found for layer, found in layers.items() if layer not in attention}
    assert set(others.values()) == {"int8"}
    hard_swish = attention.pop(f"{ATTENTION}.act;0")
    assert len(attention) == 14
    assert set(attention.values()) == {dtype}
    if dtype == "int16":  # the one operator that has no such kernel
        assert (hard_swish, manifest.float_operators) == ("int8", ())
        assert any("1 x HARD_SWISH stayed in INT8" in warning for warning in manifest.warnings)
    else:
        assert hard_swish == "float32"
        assert sum(found.count for found in manifest.float_operators) == 15


def test_coreml_attention_is_float_and_the_rest_int8(exports: dict[str, Export]) -> None:
    conv = ("conv", True)
    attention = [("conv", False)] * 4
    assert coreml_layers(exports["coreml_float"].path) == [conv, conv, conv, *attention, conv, ("linear", True)]
    kept = {f.operator for f in exports["coreml_float"].manifest.float_operators if ATTENTION in f.reason}
    assert kept == {"conv", "sigmoid", "relu6"}


def onnx_is_float(path: Path, operator: str) -> bool:
    return onnx_layers(path)[f"{operator}/{'Gemm' if operator == 'classifier' else 'Conv'}"] == {"float"}


def tflite_is_float(path: Path, operator: str) -> bool:
    return tflite_layers(path)["logits" if operator == "classifier" else "block.depthwise.0;3"] == "float32"


def coreml_is_float(path: Path, operator: str) -> bool:
    return not coreml_layers(path)[-1 if operator == "classifier" else 2][1]


IS_FLOAT: dict[str, Callable[[Path, str], bool]] = {
    "onnx": onnx_is_float, "tflite": tflite_is_float, "coreml": coreml_is_float
}  # fmt: skip


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(
    ("pattern", "operator"),
    [
        ("classifier", "classifier"),
        # A convolution is one operator with its BatchNorm and its activation: each of them stands for it.
        ("block.depthwise.0", "block.depthwise.0"),
        ("block.depthwise.1", "block.depthwise.0"),
        ("block.depthwise.2", "block.depthwise.0"),
        ("*.depthwise", "block.depthwise.0"),
    ],
)
def test_one_layer_between_quantised_ones_is_float(name: str, pattern: str, operator: str, tmp_path: Path) -> None:
    converted, path = convert(name, tmp_path, {pattern: "float"})
    assert IS_FLOAT[name](path, operator)
    reason = f"the recipe keeps it float: [[layer]] match = {pattern!r}"
    layers = {"Conv", "Gemm", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "conv", "linear"}
    kept = [found for found in converted.float_operators if found.reason == reason and found.operator in layers]
    assert [found.count for found in kept] == [1]
    other = "block.depthwise.0" if operator == "classifier" else "classifier"
    assert not IS_FLOAT[name](path, other)


@pytest.mark.parametrize("name", FORMATS)
def test_a_pattern_that_covers_nothing_is_refused_with_the_layers(name: str, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"match = 'blok' covers no layer of this network\. Its layers are") as error:
        convert(name, tmp_path, {"blok": "float"})
    for layer in ("stem.0", "block.depthwise.0"):
        assert layer in str(error.value)


@pytest.mark.parametrize("name", FORMATS)
def test_float_layers_only_are_no_int8_file(name: str, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"match = '\*' keeps all layers float .* export by a float recipe"):
        convert(name, tmp_path, {"*": "float"})


@pytest.mark.parametrize("name", ["onnx", "coreml"])
def test_16_bits_are_refused_with_the_reason(name: str) -> None:
    recipe = replace(load_recipe(f"{name}_static_wi8_ai8"), layer=(LayerOverride(ATTENTION, 16),))
    (refused,) = find_format(name).contradictions(recipe)
    assert refused.startswith(f"layer.0.activation_bits: format = {name!r} cannot have 16: ")
    assert "8 bits only" in refused


def test_a_camera_file_names_layers_alike(tmp_path: Path) -> None:
    """Although the network is a part of what is converted there."""
    for name in FORMATS:
        _, path = convert(name, tmp_path, {"classifier": "float"}, io="_uint8rgb_io")
        assert IS_FLOAT[name](path, "classifier")


def test_the_first_pattern_that_covers_a_layer_holds(tmp_path: Path) -> None:
    layers: dict[str, LayerBits] = {f"{ATTENTION}.conv1": 16, ATTENTION: "float", "classifier": 16}
    converted, path = convert("tflite", tmp_path, layers)
    found = tflite_layers(path)
    assert found[f"{ATTENTION}.conv1;2"] == "int16"
    assert {found[f"{ATTENTION}.conv_h;2"], found[f"{ATTENTION}.act;0"]} == {"float32"}
    assert found["logits"] == "int16"
    network, rgb = load(TINY), photos(16, seed=3)
    assert sqnr_db(tflite_kit.run(path, converted, network, rgb), answers(network, rgb)) > 30


@pytest.mark.parametrize("name", FORMATS)
def test_layers_of_attention_that_is_written_anew_keep_their_paths(name: str, tmp_path: Path) -> None:
    converted, _ = convert(name, tmp_path, {f"{ATTENTION}.conv1": "float"}, lowering="default")
    assert converted.lowering.changed
    kept = [found for found in converted.float_operators if f"{ATTENTION}.conv1" in found.reason]
    assert sum(found.count for found in kept if found.operator in ("Conv", "CONV_2D", "conv")) == 2


@pytest.mark.parametrize("bits", [16, "float"])
def test_int8_goes_in_and_out_whatever_the_first_and_the_last_layer_are(bits: LayerBits, tmp_path: Path) -> None:
    converted, path = convert("tflite", tmp_path, {"stem": bits, "classifier": bits}, io="_int8_io")
    assert (converted.inputs[0].dtype, converted.outputs[0].dtype) == ("int8", "int8")
    network, rgb = load(TINY), photos(16, seed=3)
    assert sqnr_db(tflite_kit.run(path, converted, network, rgb), answers(network, rgb)) > 30
    kept = {found.operator for found in converted.float_operators}
    assert kept == ({"FULLY_CONNECTED", "CONV_2D", "PAD"} if bits == "float" else set())


def test_onnx_says_where_int8_cannot_go_in(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"first operation of this network at 'image' \(stem.0/Conv\) stays float"):
        convert("onnx", tmp_path, {"stem": "float"}, io="_int8_io")


def test_onnx_says_what_its_runtime_rounds_all_the_same(tmp_path: Path) -> None:
    """A lone operation without weights between quantised tensors: rounding it once more changes next to nothing."""
    converted, path = convert("onnx", tmp_path, {f"{ATTENTION}.pool_h": "float"})
    (note,) = converted.notes
    assert f"1 x AveragePool, which [[layer]] match = '{ATTENTION}.pool_h' keeps float" in note
    assert "ONNX Runtime computes it in INT8" in note
    network, rgb = load(TINY), photos(16, seed=3)
    found = onnx_kit.run(converted, path, onnx_kit.feed(converted, network, rgb))
    assert sqnr_db(found, answers(network, rgb)) > 30


def test_a_recipe_that_quantises_no_activations_has_no_layers(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    text = 'description = "x"\nformat = "tflite"\nmode = "{}"\n{}[tolerances]\nmax_abs_error = 1e-4\nsqnr_db = 15\n'
    text += 'agreement_percent = 97\n[[layer]]\nmatch = "a"\nactivation_bits = "float"\n'
    for mode, bits in (("float32", ""), ("float16", ""), ("dynamic", "weight_bits = 8\n")):
        path.write_text(text.format(mode, bits))
        said = rf"layer: mode = '{mode}' does not quantise activations; remove \[\[layer"
        with pytest.raises(RecipeError, match=said):
            load_recipe(str(path))
