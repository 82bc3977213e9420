"""``--lowering``: names, files, and key=value; what is wrong is said with what there is."""

from pathlib import Path

import pytest

from ca_deploy.errors import UsageError
from ca_deploy.lowering.rules import rules_for, shipped
from ca_deploy.native.libraries import LIBRARIES
from ca_deploy.records.lowering import Choice

OWN = '[[rules]]\nname = "mine"\nformat = "onnx"\nmodes = ["float32"]\nruntime = "onnxruntime 1.32.0"\nchoices = [{}]\n'


def test_the_default_is_chosen_by_format_and_mode() -> None:
    assert rules_for("default", "onnx", "static").name == "onnxruntime-int8"
    assert rules_for("default", "onnx", "float16").name == "onnxruntime-float16"
    assert rules_for("default", "tflite", "static").padding == "flat"
    assert rules_for("default", "onnx", "dynamic").name == "reference"  # nobody has measured it
    assert rules_for("reference", "tflite", "static").choices == ()


def test_a_name_chooses_rules_that_were_measured_for_another_file() -> None:
    found = rules_for("litert-int8", "tflite", "float32")
    assert (found.name, found.choices) == ("litert-int8", shipped()["litert-int8"].choices)


def test_litert_2_gets_no_flat_paddings_by_its_name_alone() -> None:
    assert rules_for("litert-2-int8", "tflite", "static").padding == "as_written"
    assert rules_for("default", "tflite", "static").runtime == "LiteRT 1.4.0"


def test_key_and_value_are_one_choice_for_all_blocks() -> None:
    found = rules_for("pools=mean, product=one_by_one,padding=flat", "tflite", "static")
    assert [rule.choice for rule in found.choices] == [Choice(pools="mean", product="one_by_one")]
    assert found.padding == "flat"
    assert found.choices[0].choice.text == "pools=mean,product=one_by_one"


def test_what_was_counted_is_as_new_as_what_profile_sends() -> None:
    sent = {f"onnxruntime {LIBRARIES['onnxruntime'].version}", f"LiteRT {LIBRARIES['litert'].version}"}
    counted = [rules for rules in shipped().values() if rules.runtime]
    assert {rules.runtime for rules in counted} == sent | {"LiteRT 2.0.3"}
    for rules in counted:
        assert all(rule.instructions is not None and rule.as_written is not None for rule in rules.choices)
        assert {rule.gates for rule in rules.choices} == {"axes", "map"}


def test_nothing_is_chosen_that_costs_more_than_as_it_is_written() -> None:
    for rules in shipped().values():
        for rule in rules.choices:
            assert (rule.instructions or 0) <= (rule.as_written or 0) + 0.05, rules.name


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("fastest", "fastest"),
        ("pools=median", "global_average"),
        ("pool=mean", "Its keys are"),
        ("pools=mean,pools=mean", "comes twice"),
        ("pools=mean,mean", "is not key=value"),
        ("padding=round", "padding"),
        ("nowhere.toml", "nowhere.toml"),
    ],
)
def test_what_is_wrong_is_said(wanted: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        rules_for(wanted, "onnx", "float32")


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(OWN.format('{ from_px = 20, pools = "mean" }'), encoding="utf-8")
    assert rules_for(str(path), "onnx", "float32").choices[0].from_px == 20
    with pytest.raises(UsageError, match=r"has no rules for format 'onnx' and mode 'static'"):
        rules_for(str(path), "onnx", "static")
    path.write_text(OWN.replace("1.32.0", "1.20.0").format("{}"), encoding="utf-8")
    with pytest.raises(UsageError, match=r"onnxruntime 1\.20\.0, and .* onnxruntime 1\.32\.0\. Count again"):
        rules_for(str(path), "onnx", "float32")
    path.write_text(OWN.format('{ pools = "mean", speed = 3 }'), encoding="utf-8")
    with pytest.raises(UsageError, match=r"own\.toml has 1 error\(s\):\n  rules.0.choices.0.speed: unknown key"):
        rules_for(str(path), "onnx", "float32")
