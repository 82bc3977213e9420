"""Where integers would destroy an output, files of every format keep a float last stage, and keep the answers."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from ca_deploy.recipes import load_recipe
from ca_deploy.records.recipe import ExportRecipe
from tests.formats import unlike
from tests.formats.unlike import KINDS, Exported

# 20 dB are errors of a tenth of the deviation, 10 dB of a third.
GOOD_DB, BAD_DB = 20, 10


def recipe_for(format_name: str, **changes: Any) -> ExportRecipe:
    return replace(load_recipe(f"{format_name}_static_wi8_ai8"), name="mine", **changes)


def check_rescued(exported: Exported, format_name: str) -> None:
    destroyed, bad_db = exported.by(recipe_for(format_name, last_stage="integer"))
    rescued, good_db = exported.by(recipe_for(format_name))
    assert bad_db < BAD_DB
    assert good_db > GOOD_DB
    assert all(note.startswith("Integers lose what output") for note in destroyed.notes)
    assert destroyed.notes
    assert all(note.startswith("The last stage of output") for note in rescued.notes)
    reasons = {float_operator.reason for float_operator in rescued.float_operators}
    assert any(reason.startswith("last stage of") for reason in reasons)
    layers = {"Conv", "CONV_2D", "conv"}
    float_layers = sum(one.count for one in rescued.float_operators if one.operator in layers)
    assert float_layers < sum(rescued.operators.get(kind, 0) for kind in layers)  # the trunk is not float


@pytest.mark.parametrize("kind", KINDS)
def test_onnx_keeps_every_channel(kind: str, tmp_path: Path) -> None:
    check_rescued(Exported(KINDS[kind], "onnx", tmp_path), "onnx")


@pytest.mark.parametrize("kind", ["boxes beside scores", "a year"])
def test_tflite_keeps_every_channel(kind: str, tmp_path: Path) -> None:
    check_rescued(Exported(KINDS[kind], "tflite", tmp_path), "tflite")


def test_core_ml_keeps_every_channel(tmp_path: Path) -> None:
    """Few operations are quantised there, but among them is a convolution that gives boxes and scores."""
    check_rescued(Exported(KINDS["two outputs of one convolution"], "coreml", tmp_path), "coreml")


@pytest.mark.parametrize("build", [unlike.Segmenter, unlike.Embedding])
def test_good_outputs_stay_integer(build: Callable[[], nn.Module], tmp_path: Path) -> None:
    exported = Exported(build, "onnx", tmp_path)
    converted, _ = exported.by(recipe_for("onnx"))
    alike, _ = exported.by(recipe_for("onnx", last_stage="integer"))
    assert replace(converted, float32_path=alike.float32_path) == alike
    assert not converted.notes


def test_int8_output_cannot_but_says_so(tmp_path: Path) -> None:
    exported = Exported(unlike.Year, "onnx", tmp_path)
    converted, bad_db = exported.by(replace(load_recipe("onnx_static_wi8_ai8_int8_io"), name="mine"))
    assert bad_db < BAD_DB
    (note,) = converted.notes
    assert "The recipe's output is INT8: choose one with float32 output" in note


def test_a_camera_file_keeps_it_float_too(tmp_path: Path) -> None:
    exported = Exported(unlike.Year, "onnx", tmp_path)
    converted, good_db = exported.by(load_recipe("onnx_static_wi8_ai8_uint8rgb_io"))
    assert good_db > GOOD_DB
    assert converted.notes


def test_int16_has_steps_enough(tmp_path: Path) -> None:
    exported = Exported(unlike.Year, "tflite", tmp_path)
    converted, good_db = exported.by(load_recipe("tflite_static_wi8_ai16"))
    assert good_db > GOOD_DB
    assert not converted.notes


def test_a_recipe_can_insist(tmp_path: Path) -> None:
    exported = Exported(unlike.Segmenter, "onnx", tmp_path)
    converted, _ = exported.by(recipe_for("onnx", last_stage="float"))
    because = {one.operator: one.reason for one in converted.float_operators}
    assert because["Conv"] == "last stage of 'output', kept float: the recipe has last_stage = 'float'"
