"""Remedies as data: every recipe that they name exists, and none is named where it would change nothing."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from ca_deploy.graphs import Graph, Node, Tensor
from ca_deploy.recipes import load_recipe, recipe_names
from ca_deploy.records.compat import Evidence, Finding, Verdict
from ca_deploy.targets import find_target
from ca_deploy.targets._advice import load_advice
from ca_deploy.targets._remedies import Remedy, read_remedy, with_remedy
from ca_deploy.targets._rules import load_rules
from tests.targets.test_rules import ADVICE, RULES

FINDING = Finding(1, "conv", "", "CONV_2D", Verdict.FALLS_BACK, Evidence.RULE, "a document", "a reason")


def _remedies() -> Iterator[tuple[str, Remedy]]:
    for target in RULES:
        rules = load_rules(target)
        yield from ((target, remedy) for remedy in rules.remedies.values())
        yield from ((target, limit.remedy) for rule in rules.rules for limit in rule.limits)
    yield from ((target, advice.remedy) for target in ADVICE for advice in load_advice(target))


def test_every_recipe_exists_and_writes_what_the_target_checks() -> None:
    named = {(target, remedy.recipe) for target, remedy in _remedies() if remedy.recipe}
    assert len({target for target, _ in named}) >= 7
    for target, recipe in named:
        assert recipe in recipe_names()
        suffix = {"coreml": ".mlpackage"}.get(load_recipe(recipe).format, f".{load_recipe(recipe).format}")
        assert suffix in find_target(target)[0].suffixes


def test_a_recipe_stands_in_a_command_and_never_in_the_text_alone() -> None:
    for _, remedy in _remedies():
        assert "recipe" not in remedy.text.replace("--recipe coreml_float16", "")
        assert not remedy.recipe or remedy.text.endswith(":")


def test_no_export_changes_the_type_of_a_shape() -> None:
    graph = _convolution("int32", "float32")
    found = with_remedy(FINDING, Remedy("Do:", (), "tflite_static_wi8_ai8"), graph)
    assert (found.remedy, found.recipe) == ("", "")


def _convolution(activations: str, ends: str, operator: str = "CONV_2D") -> Graph:
    tensors = (Tensor("x", (1, 4), ends), Tensor("a", (1, 4), activations), Tensor("b", (1, 4), "float32"))
    first = Node(0, "first", "", "DequantizeLinear" if operator == "Conv" else "QUANTIZE", (1,), (2,))
    fed = 2 if operator == "Conv" else 1
    node = Node(1, "conv", "", operator, (fed,), (0,), multiply_adds=9)
    return Graph("tflite", 3, (first, node), tensors, (0,), (0,))


@pytest.mark.parametrize(
    ("recipe", "graph", "helps"),
    [
        ("tflite_static_wi8_ai8", _convolution("float32", "float32"), True),
        ("tflite_static_wi8_ai8", _convolution("int8", "float32"), False),
        ("tflite_static_wi8_ai8", _convolution("int16", "float32"), True),
        ("tflite_static_wi8_ai8_int8_io", _convolution("int8", "float32"), True),
        ("tflite_static_wi8_ai8_int8_io", _convolution("uint8", "int8"), False),
        ("tflite_float32", _convolution("int8", "int8"), True),
        ("tflite_float32", _convolution("float32", "float32"), False),
        ("tflite_float32", _convolution("float32", "float16"), True),
        ("onnx_float32", _convolution("int8", "float32", "Conv"), True),
        ("coreml_float16", _convolution("float32", "float32"), True),
        ("coreml_float16", _convolution("float16", "float32"), False),
    ],
)
def test_a_file_is_not_exported_again_as_what_it_is(recipe: str, graph: Graph, helps: bool) -> None:
    found = with_remedy(FINDING, Remedy("Do:", ("ADD",), recipe), graph)
    if helps:
        assert found == replace(
            FINDING, remedy=f"Do: ca-deploy export … --recipe {recipe}", recipe=recipe, introduces=("ADD",)
        )
    else:
        assert found.recipe == "" and "of that kind already" in found.remedy


@pytest.mark.parametrize("entry", [3, {}, {"text": 3}, {"text": "a", "recepi": "b"}, {"text": "a", "introduces": "b"}])
def test_malformed_remedies_are_refused(entry: object) -> None:
    with pytest.raises(ValueError, match="remedy"):
        read_remedy(entry)
