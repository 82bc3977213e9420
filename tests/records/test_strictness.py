"""Records take what their fields say, name what they refuse, and stay as they are."""

import copy
import dataclasses
import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from ca_deploy.errors import RecipeError, UsageError
from ca_deploy.recipes import load_recipe
from ca_deploy.records import model
from ca_deploy.records.codec import decode, to_json
from ca_deploy.records.model import ModelSource
from ca_deploy.records.recipe import ExportRecipe

GOOD = (Path(__file__).parents[2] / "export_recipes" / "onnx_static_wi8_ai8.toml").read_text()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("description = 1979-05-27", "description: 1979-05-27 is a date, which is not possible here."),
        ("description = 07:32:00", "description: 07:32:00 is a time, which is not possible here."),
        ("opset = 1979-05-27", "opset: 1979-05-27 is unknown. One of: 13,"),
        ('opset = "18"', "opset: '18' is a text; one of: 13,"),
        ('weight_bits = "8"', "weight_bits: '8' is a text; one of: 4, 6, 8."),
        ("weight_bits = 5", "weight_bits: 5 is unknown. One of: 4, 6, 8."),
        ("percentile = nan", "percentile: nan is not possible: it has to be a finite number."),
        ("percentile = 101", "percentile: 101 is not possible: it has to be less than or equal to 100."),
    ],
)
def test_a_recipe_is_refused_by_file_and_key(tmp_path: Path, line: str, said: str) -> None:
    key = line.partition(" ")[0]
    path = tmp_path / "mine.toml"
    path.write_text("\n".join([line, *(kept for kept in GOOD.splitlines() if not kept.startswith(f"{key} "))]))
    with pytest.raises(RecipeError) as error:
        load_recipe(str(path))
    assert f"Recipe {path} has 1 error(s):\n  {said}" in str(error.value)


def test_a_registered_model_is_read_strictly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "_REGISTRY", tmp_path)
    good = 'description = "a net"\nfactory = "package.module:net"\ninput_size = 32\nweights = "net.safetensors"\n'
    path = tmp_path / "net.toml"
    path.write_text(good)
    found = model.registered_models()["net"]
    assert (found.name, found.weights) == ("net", tmp_path / "weights" / "net.safetensors")
    for text, said in (
        (good.replace("32", '"32"'), "input_size: '32' is not possible: it has to be a whole number."),
        (f"{good}weigths = 5\n", "weigths: unknown key. Did you mean 'weights'?"),
        (f'{good}name = "other"\n', "name: unknown key."),
        (good.replace("factory", "#"), "factory: missing."),
    ):
        path.write_text(text)
        with pytest.raises(UsageError) as error:
            model.registered_models()
        assert f"Registered model {path} has 1 error(s):\n  {said}" in str(error.value)


def test_a_list_is_three_values_and_a_set_is_not() -> None:
    assert ModelSource(mean=[0.1, 0.2, 1]).mean == (0.1, 0.2, 1.0)  # type: ignore[arg-type]
    assert decode(ModelSource, {"mean": [0.1, 0.2, 1]}).mean == (0.1, 0.2, 1.0)
    for wrong in ({0.1, 0.2, 0.3}, "abc", {0.1: 1, 0.2: 2, 0.3: 3}, [0.1, 0.2], ["0.1", 0.2, 0.3]):
        with pytest.raises(UsageError, match="mean"):
            ModelSource(mean=wrong)  # type: ignore[arg-type]


def test_a_mapping_of_a_record_cannot_be_changed() -> None:
    recipe = load_recipe("onnx_static_wi8_ai8")
    options = dict(recipe.options)
    found: Any = recipe.options
    for method, *given in (("update", {"opset": 13}), ("__setitem__", "opset", 13), ("pop", "opset"), ("clear",)):
        with pytest.raises(TypeError, match="cannot be changed"):
            getattr(found, method)(*given)
    assert recipe.options == options
    for same in (
        pickle.loads(pickle.dumps(recipe)),
        copy.deepcopy(recipe),
        decode(ExportRecipe, json.loads(to_json(recipe))),
        dataclasses.replace(recipe, options=options),
    ):
        assert same == recipe
        found = same.options
        with pytest.raises(TypeError, match="cannot be changed"):
            found["opset"] = 13
    assert dataclasses.asdict(recipe)["options"] == options
    options["opset"] = 13
    assert recipe.options != options
