"""The ONNX files are right: they compute what PyTorch computes, and say what they are."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from ca_deploy.errors import RecipeError
from ca_deploy.formats import find_format
from ca_deploy.networks.source import Network
from ca_deploy.plugins import load
from ca_deploy.recipes import load_recipe
from tests.formats.kit import export
from tests.formats.onnx.kit import RECIPES, Export, feed, photos, run, sqnr_db
from tests.samples import answers, normalised


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_computes_what_pytorch_computes(recipe: str, exported: Export, network: Network) -> None:
    converted, path = exported(recipe)
    rgb = photos(16, seed=3)
    logits, wanted = run(converted, path, feed(converted, network, rgb)), answers(network, rgb)
    tolerances = load_recipe(recipe).tolerances
    if tolerances.max_abs_error is not None:
        assert np.abs(logits - wanted).max() <= tolerances.max_abs_error
    else:
        assert sqnr_db(logits, wanted) >= 20


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_file_is_whole_checked_and_described(recipe: str, exported: Export) -> None:
    converted, path = exported(recipe)
    model = onnx.load(path, load_external_data=False)
    onnx.checker.check_model(model, full_check=True)
    assert not any(constant.external_data for constant in model.graph.initializer)
    assert "Identity" not in converted.operators
    assert "BatchNormalization" not in converted.operators
    assert [spec.name for spec in (*converted.inputs, *converted.outputs)] == ["image", "logits"]
    assert sum(converted.operators.values()) == len(model.graph.node)
    assert set(converted.tools) == {"torch", "onnx", "onnxscript", "onnxruntime"}
    assert next(o.version for o in model.opset_import if o.domain == "") == load_recipe(recipe).options["opset"]


@pytest.mark.parametrize("recipe", ["onnx_float32", "onnx_static_wi8_ai8", "onnx_static_wi8_ai8_uint8rgb_io"])
def test_dynamic_batch_takes_one_and_four(recipe: str, exported: Export, network: Network) -> None:
    converted, path = exported(recipe, dynamic_batch=True)
    assert converted.lowering.changed
    assert converted.inputs[0].shape[0] == converted.outputs[0].shape[0] == -1
    graph = onnx.load(path).graph
    assert {value.type.tensor_type.shape.dim[0].dim_param for value in (*graph.input, *graph.output)} == {"batch"}
    images = feed(converted, network, photos(4, seed=3))
    np.testing.assert_allclose(run(converted, path, images, 4), run(converted, path, images, 1), atol=1e-5)


def test_sixteen_bit_activations_are_refused() -> None:
    recipe = replace(load_recipe("onnx_static_wi8_ai8"), activation_bits=16)
    (refused,) = find_format("onnx").contradictions(recipe)
    assert refused.startswith("activation_bits: 16 is not possible")
    assert refused.endswith("One of: 8.")


def test_calibration_that_is_missing_is_asked_for(network: Network, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="needs calibration images"):
        export(network, load_recipe("onnx_static_wi8_ai8"), tmp_path / "x.onnx")


def test_an_integer_file_comes_with_its_float32_twin(exported: Export, network: Network) -> None:
    converted, _ = exported("onnx_static_wi8_ai8")
    assert converted.float32_path is not None
    rgb = photos(2, seed=3)
    logits = run(exported("onnx_float32")[0], converted.float32_path, normalised(network, rgb))
    assert np.abs(logits - answers(network, rgb)).max() <= 1e-4
    assert exported("onnx_float32")[0].float32_path is None


def test_format_describes_itself_without_its_libraries() -> None:
    form = find_format("onnx")
    assert (form.suffix, form.missing_packages()) == (".onnx", [])
    assert load(form.converter).__name__ == "OnnxConverter"
