"""Rules as data: every one is well-formed, sourced, and says what it should about nodes made for it."""

import tomllib
from pathlib import Path

import numpy as np
import onnx
import pytest
from ai_edge_litert import schema_py_generated as schema
from onnx import TensorProto, helper, numpy_helper

import ca_deploy.targets
from ca_deploy import graphs
from ca_deploy.errors import CaDeployError, UsageError
from ca_deploy.records.compat import Finding
from ca_deploy.targets import find_target, target_names
from ca_deploy.targets._advice import load_advice
from ca_deploy.targets._rules import RuleSet, _wrong, judge, load_rules
from ca_deploy.targets._tflite_versions import first_runtime
from tests.tflite_models import Model

FOLDER = Path(ca_deploy.targets.__file__).parent
RULES = sorted(path.stem for path in FOLDER.glob("*.toml") if "rule" in tomllib.loads(path.read_text()))
ADVICE = sorted(path.stem for path in FOLDER.glob("*.toml") if "advice" in tomllib.loads(path.read_text()))


def test_every_file_of_data_belongs_to_a_target() -> None:
    assert {*RULES, *ADVICE, "tflite_versions"} == {path.stem for path in FOLDER.glob("*.toml")}
    assert {*RULES, *ADVICE} <= set(target_names())
    assert len(RULES) >= 9


@pytest.mark.parametrize("name", RULES)
def test_rules_are_well_formed_and_sourced(name: str) -> None:
    rules = load_rules(name)
    assert rules.version and rules.source and rules.unlisted
    assert all(rule.source and rule.operators for rule in rules.rules)
    assert all(limit.reason for rule in rules.rules for limit in rule.limits)
    named = {operator for rule in rules.rules for operator in rule.operators}
    if find_target(name)[0].suffixes == (".tflite",):
        known = set(vars(schema.BuiltinOperator)) | {"*"}
        custom = {
            "Convolution2DTransposeBias",
            "MaxPoolingWithArgmax2D",
            "MaxUnpooling2D",
            "Resampler",
            "edgetpu-custom-op",
        }
        assert named - custom - {"custom_call.GroupNorm"} <= known
        assert set(rules.remedies) <= known


@pytest.mark.parametrize("name", ADVICE)
def test_advice_is_well_formed_and_sourced(name: str) -> None:
    assert all(a.source and a.reason and a.remedy for a in load_advice(name))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"source": ""}, "lacks source"),
        ({"rule": [{"operators": ["ADD"]}]}, "lacks source"),
        ({"rule": [{"operators": ["ADD"], "source": "s"}, {"operators": ["ADD"], "source": "s"}]}, "two rules"),
        ({"rule": [{"operators": ["ADD"], "source": "s", "limits": [{"condition": "no", "reason": "r"}]}]}, "unknown"),
        ({"rule": [{"operators": ["ADD"], "source": "s", "sinse": 3}]}, "sinse"),
    ],
)
def test_malformed_rules_are_refused(change: dict[str, object], said: str) -> None:
    good = {"version": "1", "source": "s", "unlisted": "u", "rule": [{"operators": ["ADD"], "source": "s"}]}
    assert not list(_wrong(good))
    assert said in "; ".join(_wrong({**good, **change}))


def test_all_targets_describe_themselves_and_load() -> None:
    for name in target_names():
        target, level = find_target(name)
        assert target.name == name and target.description and target.suffixes
        assert level in ("", *target.levels)
        assert target.missing_packages() or callable(target.load_checker())


def test_names_and_levels() -> None:
    assert find_target("nnapi:29")[1] == "29"
    with pytest.raises(UsageError, match="xnnpack"):
        find_target("xnnpak")
    with pytest.raises(UsageError, match="Android API level"):
        find_target("nnapi:26")
    with pytest.raises(UsageError, match="no levels"):
        find_target("hexagon:3")


def _judged(model: Model, name: str, tmp_path: Path, level: int = 0) -> dict[str, Finding]:
    graph = graphs.read(model.save(tmp_path / "model.tflite"))
    return {finding.operator: finding for finding in judge(load_rules(name), graph, level)}


def _mean(model: Model, axes: tuple[int, ...], keep: bool, scale: float) -> None:
    x = model.input((1, 8, 8, 16))
    options = schema.ReducerOptionsT()
    options.keepDims = keep
    left = tuple(1 if i in axes else n for i, n in enumerate((1, 8, 8, 16)) if keep or i not in axes)
    model.add("MEAN", [x, model.integers(*axes)], left, options=options, scale=scale, version=1)


def test_nnapi_wants_equal_scales_of_a_mean(tmp_path: Path) -> None:
    for scale, verdict in ((0.05, "accelerated"), (0.02, "falls back")):
        model = Model()
        _mean(model, (2,), True, scale)
        assert _judged(model, "nnapi", tmp_path, 30)["MEAN"].verdict == verdict


def test_nnapi_levels(tmp_path: Path) -> None:
    model = Model()
    x = model.input((1, 8, 8, 16))
    options = schema.SplitVOptionsT()
    options.numSplits = 2
    operands = [x, model.integers(3, 5), model.integers(1, shape=())]
    model.add("SPLIT_V", operands, (1, 3, 8, 16), (1, 5, 8, 16), options=options)
    refused = _judged(model, "nnapi", tmp_path, 29)["SPLIT_V"]
    assert refused.verdict == "falls back" and "30" in refused.reason and refused.remedy
    assert _judged(model, "nnapi", tmp_path, 30)["SPLIT_V"].verdict == "accelerated"


@pytest.mark.parametrize(
    ("axes", "keep", "verdict"),
    [((1, 2), True, "accelerated"), ((2,), True, "unsupported"), ((1, 2), False, "falls back")],
)
def test_the_core_ml_delegate_pools_globally_only(
    tmp_path: Path, axes: tuple[int, ...], keep: bool, verdict: str
) -> None:
    model = Model("float32")
    _mean(model, axes, keep, 1)
    assert _judged(model, "tflite_coreml", tmp_path)["MEAN"].verdict == verdict


@pytest.mark.parametrize(
    ("gate", "verdict"),
    [((1, 1, 1, 16), "accelerated"), ((1, 8, 1, 16), "falls back"), ((1, 1, 8, 16), "falls back")],
)
def test_the_core_ml_delegate_refuses_gates_along_one_axis(tmp_path: Path, gate: tuple[int, ...], verdict: str) -> None:
    model = Model("float32")
    model.add("MUL", [model.input((1, 8, 8, 16)), model.input(gate)], (1, 8, 8, 16), options=schema.MulOptionsT())
    found = _judged(model, "tflite_coreml", tmp_path)["MUL"]
    assert (found.verdict, found.evidence) == (verdict, "rule")
    assert found.source


@pytest.mark.parametrize(
    ("shapes", "verdict"),
    [
        (((1, 8, 8, 16), (1, 8, 1, 16)), "accelerated"),
        (((1, 8, 1, 16), (1, 8, 8, 16)), "falls back"),
        (((1, 8, 1, 16), (1, 1, 8, 16)), "falls back"),  # the outer product of the gates
    ],
)
def test_the_gpu_wants_the_gate_second(tmp_path: Path, shapes: tuple[tuple[int, ...], ...], verdict: str) -> None:
    model = Model("float32")
    model.add("MUL", [model.input(shape) for shape in shapes], (1, 8, 8, 16), options=schema.MulOptionsT())
    assert _judged(model, "litert_gpu", tmp_path)["MUL"].verdict == verdict


def test_the_edge_tpu_stops_at_the_first_refusal(tmp_path: Path) -> None:
    model = Model()
    x = model.conv(model.input((1, 8, 8, 16)), (1, 8, 8, 16), 16)
    x = model.add("HARD_SWISH", [x], (1, 8, 8, 16))
    model.add("RELU", [x], (1, 8, 8, 16), version=2)
    found = _judged(model, "edgetpu", tmp_path)
    assert [found[name].verdict for name in ("CONV_2D", "HARD_SWISH", "RELU")] == [
        "accelerated", "falls back", "falls back"
    ]  # fmt: skip
    assert "single partition" in found["RELU"].reason


def test_conversions_go_where_their_operator_goes(tmp_path: Path) -> None:
    pair = [
        helper.make_node("QuantizeLinear", ["x", "s"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s"], ["d"]),
    ]
    for operator, verdict in (("MaxPool", "accelerated"), ("Sigmoid", "falls back")):
        attributes = {"kernel_shape": [2, 2]} if operator == "MaxPool" else {}
        x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8])
        y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
        scale = numpy_helper.from_array(np.float32(0.1), "s")
        nodes = [*pair, helper.make_node(operator, ["d"], ["y"], **attributes)]
        model = helper.make_model(helper.make_graph(nodes, "g", [x], [y], initializer=[scale]))
        onnx.save(model, tmp_path / "model.onnx")
        found = judge(load_rules("ort_xnnpack"), graphs.read(tmp_path / "model.onnx"), 0)
        assert [finding.verdict for finding in found] == ["falls back", verdict, verdict]


def test_what_a_file_does_not_say_is_unknown(tmp_path: Path) -> None:
    model = Model()
    x = model.input((1, 8, 8, 16))
    axes = model.input((1,))  # computed at run time
    options = schema.ReducerOptionsT()
    options.keepDims = True
    model.add("MEAN", [x, axes], (1, 8, 1, 16), options=options)
    assert _judged(model, "edgetpu", tmp_path)["MEAN"].verdict == "unknown"


def test_operator_versions(tmp_path: Path) -> None:
    graph = graphs.read(_two_versions().save(tmp_path / "model.tflite"))
    assert [first_runtime(node) for node in graph.nodes] == ["2.3.0", "2.14.4", None]


def _two_versions() -> Model:
    model = Model()
    x = model.input((1, 8, 8, 16))
    model.add("LOGISTIC", [x], (1, 8, 8, 16), version=3)
    model.add("TRANSPOSE", [x, model.integers(0, 2, 1, 3)], (1, 8, 8, 16), version=7)
    model.add("HARD_SWISH", [x], (1, 8, 8, 16), version=99)
    return model


def test_broken_rules_name_their_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text('version = "1"\n')
    monkeypatch.setattr(Path, "with_name", lambda self, name: broken)
    with pytest.raises(CaDeployError, match=r"broken\.toml .*lacks source"):
        _: RuleSet = load_rules("broken")
