"""What a recipe means: which layers an override covers, and the name that the contents spell."""

from dataclasses import replace
from typing import Any

import pytest

from ca_deploy.errors import UsageError
from ca_deploy.recipes import load_recipe
from ca_deploy.records.codec import decode, parse_json, to_json
from ca_deploy.records.recipe import ExportRecipe, LayerOverride, Tolerances

RECIPE = load_recipe("tflite_static_wi8_ai8")


@pytest.mark.parametrize(
    ("pattern", "covered", "others"),
    [
        ("features.3", ["features.3", "features.3.attention.conv_h"], ["features", "features.30", "features.13", ""]),
        ("features.3.*", ["features.3.0", "features.3.attention.conv_h"], ["features.3", "features.30.0"]),
        ("features.?", ["features.3", "features.9.attention"], ["features.13", "classifier"]),
        ("features.[12]", ["features.1.0", "features.2"], ["features.3", "features.12"]),
        ("*.attention", ["features.3.attention", "a.b.attention.act"], ["attention", "features.3.attentions"]),
        ("*", ["classifier", "features.3.0", ""], []),
        ("Features.3", [], ["features.3"]),
        ("", [""], ["classifier"]),
    ],
)
def test_a_pattern_covers_what_it_matches_and_all_inside(pattern: str, covered: list[str], others: list[str]) -> None:
    override = LayerOverride(pattern, "float")
    assert [module for module in (*covered, *others) if override.covers(module)] == covered


def test_the_first_override_that_covers_an_operator_holds() -> None:
    first, second = LayerOverride("features.3.conv", 16), LayerOverride("features.3", "float")
    recipe = replace(RECIPE, layer=(first, second))
    assert recipe.override(["features.3.conv"]) is first
    assert recipe.override(["features.3.norm", "features.3.conv"]) is first  # two modules merged into one operator
    assert recipe.override(["features.3.norm"]) is second
    assert recipe.override(["classifier"]) is None
    assert recipe.override([]) is None
    assert RECIPE.override(["features.3"]) is None


def test_an_override_comes_back_from_json() -> None:
    recipe = replace(RECIPE, options={"opset": 18}, layer=(LayerOverride("a.*", "float"), LayerOverride("b", 16)))
    assert decode(ExportRecipe, parse_json(to_json(recipe))) == recipe


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"mode": "quantised"}, "One of: float32, float16, dynamic, static, weight_only, palettized"),
        ({"io": "uint8"}, "One of: float32, int8, uint8rgb"),
        ({"weight_bits": 16}, "One of: 4, 6, 8"),
        ({"activation_bits": 4}, "One of: 8, 16"),
        ({"calibration": "entropy"}, "One of: min_max, percentile"),
        ({"percentile": 49.9}, "greater than or equal to 50"),
        ({"description": ""}, "description: '' is not possible"),
        ({"layer": (("a", "float"),)}, "layer.0"),
    ],
)
def test_a_recipe_that_cannot_be_is_never_made(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as error:
        replace(RECIPE, **changes)
    assert said in str(error.value)


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_tolerances_are_finite_and_not_negative(value: float) -> None:
    for key in ("max_abs_error", "sqnr_db", "agreement_percent"):
        with pytest.raises(UsageError, match=f"^Tolerances: {key}: "):
            Tolerances(**{key: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, "tflite_static_wi8_ai8"),
        ({"activation_bits": 16}, "tflite_static_wi8_ai16"),
        ({"io": "uint8rgb"}, "tflite_static_wi8_ai8_uint8rgb_io"),
        ({"mode": "dynamic", "activation_bits": None}, "tflite_dynamic_wi8_afp32"),
        ({"mode": "palettized", "weight_bits": 6, "activation_bits": None}, "tflite_palettized_wi6_afp16"),
        ({"mode": "float16", "weight_bits": None, "activation_bits": None}, "tflite_float16"),
        ({"mode": "float16", "weight_bits": None, "activation_bits": 16}, "tflite_float16_afp16"),
    ],
)
def test_the_contents_spell_the_name(changes: dict[str, Any], name: str) -> None:
    assert replace(RECIPE, **changes).decoded_name == name
