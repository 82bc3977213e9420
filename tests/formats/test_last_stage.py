"""The last stage of a graph, and when it stays float."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from ca_deploy.errors import RecipeError
from ca_deploy.formats._last_stage import FEWEST_SAMPLES, KeptFloat, LastStages, Node
from ca_deploy.recipes import load_recipe
from ca_deploy.records.recipe import ExportRecipe, LayerBits

RECIPE = load_recipe("onnx_static_wi8_ai8")
RANDOM = np.random.default_rng(0)
YEARS, LOGITS = RANDOM.normal(1990, 4, (32, 1)), RANDOM.normal(0, 1, (32, 5))


def layer(name: str, taken: str) -> Node:
    return Node(name, "Conv", (taken,), (f"{name}.out",), layer=True)


def operation(name: str, *taken: str, given: str = "", bounded: bool = False, joins: bool = False) -> Node:
    return Node(name, name.title(), taken, (given or f"{name}.out",), bounded=bounded, joins=joins)


def stages(nodes: list[Node], *outputs: str) -> LastStages:
    return LastStages.of(nodes, outputs, {name for node in nodes for name in node.gives})


STEM = layer("stem", "image")
REGRESSOR = [STEM, layer("head", "stem.out"), operation("offset", "head.out", given="year")]
DETECTOR = [
    STEM,
    operation("relu", "stem.out"),
    layer("box", "relu.out"),
    layer("score", "relu.out"),
    operation("sigmoid", "score.out", bounded=True),
    operation("half", "box.out"),
    operation("add", "box.out", "half.out"),
    operation("concat", "add.out", "sigmoid.out", given="found", joins=True),
]


def test_it_begins_with_the_last_layers_on_every_path() -> None:
    (stage,) = stages(DETECTOR, "found").stages
    assert stage.nodes == ("box", "score", "sigmoid", "half", "add", "concat")


def test_channels_are_followed_through_what_has_one_operand_or_joins() -> None:
    (stage,) = stages(DETECTOR, "found").stages
    assert set(stage.tensors) == {"found", "add.out", "sigmoid.out", "score.out"}  # a sum mixes two scales


def test_a_residual_stream_is_cut_where_a_layer_takes_it() -> None:
    nodes = [
        STEM,
        layer("first", "stem.out"),
        operation("add", "stem.out", "first.out", given="stream"),
        operation("norm", "stream"),
        layer("second", "norm.out"),
        operation("sum", "stream", "second.out", given="found"),
    ]
    (stage,) = stages(nodes, "found").stages
    assert stage.nodes == ("second", "sum")


def test_an_output_that_a_layer_goes_on_with_has_a_last_stage_of_its_own() -> None:
    nodes = [
        STEM,
        layer("body", "stem.out"),
        operation("pool", "body.out", given="features"),
        layer("head", "features"),
        operation("softmax", "head.out", given="classes", bounded=True),
    ]
    features, classes = stages(nodes, "features", "classes").stages
    assert features.nodes == ("body", "pool")
    assert classes.nodes == ("head", "softmax")


def test_an_input_or_a_constant_as_output_has_none() -> None:
    assert stages([STEM], "image", "stem.out").stages == stages([STEM], "stem.out").stages


def test_a_long_chain_is_walked() -> None:
    chain = [operation(f"step{n}", f"step{n - 1}.out" if n else "head.out") for n in range(3000)]
    (stage,) = stages([*REGRESSOR[:2], *chain], "step2999.out").stages
    assert len(stage.nodes) == 3001


def kept(
    nodes: list[Node],
    seen: Mapping[str, NDArray[np.float64]],
    *outputs: str,
    samples: int = 32,
    overrides: Mapping[str, LayerBits] | None = None,
    recipe: ExportRecipe = RECIPE,
) -> KeptFloat:
    found = stages(nodes, *outputs)
    for name, value in seen.items():
        found.scales[name].add(value)
    return found.kept_float(recipe, samples, overrides or {})


SEEN = {"year": YEARS, "head.out": LOGITS}


def test_a_destroyed_output_keeps_it_float_and_says_why() -> None:
    found = kept(REGRESSOR, SEEN, "year")
    assert found.reasons.keys() == {"head", "offset"}
    assert len(set(found.reasons.values())) == 1
    assert found.reasons["head"].startswith("last stage of 'year', kept float: its values, 19")
    (note,) = found.notes
    assert note.startswith(
        "The last stage of output 'year' (2 operators: Conv, Offset) stays float: else its values, 19"
    )


def test_a_tensor_on_the_way_counts_too() -> None:
    found = kept(REGRESSOR, {"head.out": YEARS, "year": LOGITS}, "year")
    assert found.reasons.keys() == {"head", "offset"}


def test_a_tensor_that_is_not_quantised_needs_no_rescue() -> None:
    found = LastStages.of(REGRESSOR, ["year"], {"stem.out", "head.out"})
    found.scales["year"].add(YEARS)
    assert found.kept_float(RECIPE, 32) == KeptFloat()


def test_other_outputs_stay_integer() -> None:
    nodes = [*REGRESSOR, layer("side", "stem.out")]
    assert kept(nodes, {**SEEN, "side.out": LOGITS}, "year", "side.out").reasons.keys() == {"head", "offset"}


def test_probabilities_have_a_natural_scale() -> None:
    """A class that no calibration photo shows is no channel of another scale."""
    rare = np.abs(RANDOM.normal(0, [0.3, 1e-5], (32, 2))).clip(0, 1)
    nodes = [STEM, layer("head", "stem.out"), operation("softmax", "head.out", bounded=True)]
    nodes.append(operation("flatten", "softmax.out", given="classes"))
    seen = {"head.out": LOGITS, "softmax.out": rare, "classes": rare}
    assert kept(nodes, seen, "classes") == KeptFloat()
    assert kept(nodes, {**seen, "classes": rare * 320}, "classes").reasons.keys() == {"head", "softmax", "flatten"}


def test_few_samples_say_little() -> None:
    assert kept(REGRESSOR, SEEN, "year", samples=FEWEST_SAMPLES - 1) == KeptFloat()


def test_a_layer_of_the_recipe_is_left_as_the_recipe_says() -> None:
    assert kept(REGRESSOR, SEEN, "year", overrides={"head": 16}).reasons.keys() == {"offset"}
    assert kept(REGRESSOR, SEEN, "year", overrides={"offset": 16, "head": 16}) == KeptFloat()
    assert kept(REGRESSOR, SEEN, "year", overrides={"offset": "float", "head": "float"}) == KeptFloat()


@pytest.mark.parametrize(
    ("recipe", "nodes", "remedy"),
    [
        (
            replace(RECIPE, last_stage="integer"),
            REGRESSOR,
            "last_stage = 'integer': remove the key, or let the network",
        ),
        (replace(RECIPE, io="int8"), REGRESSOR, "output is INT8: choose one with float32 output, or let the network"),
        (RECIPE, REGRESSOR[1:], "no layer would be left to quantise: choose a float recipe"),
    ],
)
def test_where_it_cannot_be_float_that_is_said_with_figures(
    recipe: ExportRecipe, nodes: list[Node], remedy: str
) -> None:
    found = kept(nodes, SEEN, "year", recipe=recipe)
    assert not found.reasons
    (note,) = found.notes
    assert note.startswith("Integers lose what output 'year' says: its values, 19")
    assert remedy in note


def test_a_recipe_can_insist() -> None:
    insisting = replace(RECIPE, last_stage="float")
    fine = {"year": LOGITS, "head.out": LOGITS}
    assert kept(REGRESSOR, fine, "year") == KeptFloat()
    found = kept(REGRESSOR, fine, "year", recipe=insisting)
    assert set(found.reasons.values()) == {"last stage of 'year', kept float: the recipe has last_stage = 'float'"}
    assert not found.notes
    with pytest.raises(RecipeError, match="leaves no layer of this network to quantise"):
        kept(REGRESSOR[1:], fine, "year", recipe=insisting)
