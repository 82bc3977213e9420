"""Recipes: what ships is sound, what is malformed is explained in full, and floors hold."""

from pathlib import Path

import pytest

from ca_deploy.errors import RecipeError, UsageError
from ca_deploy.recipes import choose_recipes, load_recipe, recipe_names
from ca_deploy.records.recipe import FLOOR_AGREEMENT_PERCENT, FLOOR_MAX_ABS_ERROR, FLOOR_SQNR_DB, FLOOR_SQNR_DB_4_BIT

GOOD = """
description = "mine"
format = "tflite"
mode = "static"
weight_bits = 8
activation_bits = 8
[tolerances]
sqnr_db = 20
agreement_percent = 98
"""


def write(folder: Path, text: str) -> str:
    path = folder / "mine.toml"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize("name", recipe_names())
def test_shipped_recipe_loads_and_its_name_decodes(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.decoded_name == name
    found = recipe.tolerances
    if recipe.mode == "float32":
        assert found.max_abs_error is not None
        assert found.max_abs_error <= FLOOR_MAX_ABS_ERROR
    else:
        assert found.sqnr_db is not None
        assert found.sqnr_db >= (FLOOR_SQNR_DB_4_BIT if recipe.weight_bits == 4 else FLOOR_SQNR_DB)
        assert found.agreement_percent is not None
        assert found.agreement_percent >= FLOOR_AGREEMENT_PERCENT


def test_both_formats_ship_every_precision() -> None:
    for name in ("onnx", "tflite"):
        for precision in ("float32", "float16", "dynamic_wi8_afp32", "static_wi8_ai8"):
            assert f"{name}_{precision}" in recipe_names()
        assert {f"{name}_static_wi8_ai8_{io}_io" for io in ("int8", "uint8rgb")} <= set(recipe_names())
    assert "tflite_static_wi8_ai16" in recipe_names()
    modes = (
        "float32",
        "float16",
        "weight_only_wi8_afp16",
        "static_wi8_ai8",
        "palettized_wi6_afp16",
        "palettized_wi4_afp16",
    )
    assert {f"coreml_{mode}" for mode in modes} <= set(recipe_names())


def test_own_recipe_loads_by_path(tmp_path: Path) -> None:
    recipe = load_recipe(write(tmp_path, GOOD))
    assert (recipe.name, recipe.decoded_name) == ("mine", "tflite_static_wi8_ai8")


def test_broken_toml_is_refused_with_the_file_and_line(tmp_path: Path) -> None:
    path = write(tmp_path, "description = \nformat")
    with pytest.raises(RecipeError, match="line 1") as error:
        load_recipe(path)
    assert path in str(error.value)


def test_all_errors_are_listed_at_once_with_file_and_key(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        'format = "tfilte"\nmode = "static"\nweight_bits = 5\nopsett = 18\npercentile = "high"\n'
        "[tolerances]\nsqnr_db = 3\nagreement_percent = 120\nloose = true\n",
    )
    with pytest.raises(RecipeError) as error:
        load_recipe(path)
    listed = str(error.value)
    assert path in listed
    for key in (
        "description: missing",
        "format: 'tfilte'",
        "weight_bits: 5",
        "activation_bits: missing",
        "opsett: unknown key. Did you mean 'opset'?",
        "percentile: 'high'",
        "tolerances.sqnr_db: static needs one, at least 15",
        "tolerances.agreement_percent: 120",
        "tolerances.loose: unknown key",
    ):
        assert f"\n  {key}" in listed
    assert "9 error(s)" in listed


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("sqnr_db = 20", "sqnr_db = 14.9"), "tolerances.sqnr_db"),
        (("sqnr_db = 20", ""), "tolerances.sqnr_db"),
        (("agreement_percent = 98", "agreement_percent = 96"), "tolerances.agreement_percent"),
        (("sqnr_db = 20", "sqnr_db = nan"), "tolerances.sqnr_db"),
        (("sqnr_db = 20", "sqnr_db = inf"), "tolerances.sqnr_db"),
        (('mode = "static"', 'mode = "float32"'), "tolerances.max_abs_error"),
        (("activation_bits = 8", ""), "activation_bits: missing"),
        (("activation_bits = 8", 'activation_bits = 16\nio = "int8"'), "io: 'int8' needs"),
        (("activation_bits = 8", 'activation_bits = 8\nlast_stage = "int8"'), "last_stage: 'int8' is unknown"),
        (("activation_bits = 8", 'activation_bits = 8\nio = "int8"\nlast_stage = "float"'), "contradicts io = 'int8'"),
        (("activation_bits = 8", "activation_bits = 8\nopset = 18"), "opset: format = 'tflite' has none"),
        (('"tflite"', '"onnx"'), "opset: missing"),
        (("[tolerances]", "tolerances = 5\n[more]"), "tolerances: 5 is not possible: it has to be a table"),
        (('"static"', '"palettized"'), "mode: format = 'tflite' has no 'palettized'. One of: float32,"),
        (("weight_bits = 8", "weight_bits = 4"), "weight_bits: 4 is not possible with mode = 'static'"),
        (("weight_bits = 8", 'weight_bits = 8\ndeployment_target = "iOS17"'), "deployment_target: format = 'tflite'"),
        (('"tflite"', '"coreml"'), "deployment_target: missing"),
        (('"tflite"', '"coreml"\ndeployment_target = "iOS16"'), "iOS16 is too old; static needs iOS17 or newer"),
        (('"tflite"', '"coreml"\ndeployment_target = "iOS7"'), "deployment_target: 'iOS7' is unknown"),
        (('"tflite"', '"coreml"\ndeployment_target = "iOS17"\nio = "int8"'), "has no 'int8'. One of: float32,"),
        (('"static"', '"dynamic"\ndeployment_target = "iOS17"'), "deployment_target: format = 'tflite'"),
        (('"static"', '"dynamic"\nlast_stage = "float"'), "last_stage: mode = 'dynamic' does not quantise activations"),
    ],
)
def test_loosened_or_contradictory_recipe_is_refused(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    with pytest.raises(RecipeError) as error:
        load_recipe(write(tmp_path, GOOD.replace(*change)))
    assert said in str(error.value)


def test_a_misspelt_format_is_listed_beside_a_misspelt_mode(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD.replace('"tflite"', '"tfilte"').replace('"static"', '"nonsense"'))
    with pytest.raises(RecipeError, match="has 2 error") as error:
        load_recipe(path)
    for said in ("format: 'tfilte' is unknown. One of: coreml, onnx, tflite.", "mode: 'nonsense' is unknown."):
        assert f"\n  {said}" in str(error.value)


def test_float32_floor_cannot_be_loosened(tmp_path: Path) -> None:
    text = 'description = "x"\nformat = "tflite"\nmode = "float32"\n[tolerances]\nmax_abs_error = 2e-4\n'
    with pytest.raises(RecipeError, match=r"tolerances\.max_abs_error: float32 needs one, at most 0\.0001"):
        load_recipe(write(tmp_path, text))


def test_unknown_recipe_gets_a_suggestion() -> None:
    with pytest.raises(UsageError, match="Did you mean 'tflite_static_wi8_ai8'"):
        load_recipe("tflite_static_w8_a8")


def test_flags_stand_for_recipes() -> None:
    assert choose_recipes(["tflite", "onnx"], True, False, []) == ["tflite_static_wi8_ai8", "onnx_static_wi8_ai8"]
    assert choose_recipes(["onnx"], False, True, []) == ["onnx_float16"]
    assert choose_recipes(["coreml"], True, False, []) == ["coreml_static_wi8_ai8"]
    assert choose_recipes(["onnx"], False, False, []) == ["onnx_float32"]
    assert choose_recipes([], False, False, ["onnx_float32"]) == ["onnx_float32"]
    assert choose_recipes(["onnx", "tflite"], False, False, ["float16"]) == ["onnx_float16", "tflite_float16"]


@pytest.mark.parametrize(
    ("formats", "int8", "fp16", "recipes", "said"),
    [
        (["onnx"], True, True, [], "use one of them"),
        (["onnx"], True, False, ["onnx_float32"], "use one of them"),
        (["onnx"], False, False, ["tflite_float32"], "contradicts --format onnx"),
        ([], True, False, [], "--format tflite"),
        (["onx"], False, False, [], "Did you mean 'onnx'"),
    ],
)
def test_contradictory_flags_are_refused(
    formats: list[str], int8: bool, fp16: bool, recipes: list[str], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        choose_recipes(formats, int8, fp16, recipes)


def test_a_path_that_does_not_exist_is_no_unknown_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"mine.toml does not exist"):
        load_recipe(str(tmp_path / "mine.toml"))
