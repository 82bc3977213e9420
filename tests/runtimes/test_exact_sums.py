"""Which session options a model gets, by the types of its quantised activations."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper, parser

from ca_deploy.errors import ArtifactError
from ca_deploy.runtimes import differing_default, open_session
from ca_deploy.runtimes._exact_sums import exact_sums

SIGNED, UNSIGNED = {"session.qdqisint8allowed": "1"}, {"session.x64quantprecision": "1"}
BOTH = ({**SIGNED, **UNSIGNED}, UNSIGNED)
HEAD = '<ir_version: 10, opset_import: ["": 21, "com.microsoft": 1]>'
SCALES = "float one = {1.0}, int8 s = {0}, uint8 u = {0}"
QDQ = """(float[4,64] x) => (float[4,8] y) <%s> {
    q = QuantizeLinear(x, one, %s)  d = DequantizeLinear(q, one, %s)
    v = DequantizeLinear(w, one, s)  y = MatMul(d, v) }"""
DYNAMIC = """(float[4,64] x) => (int32[4,8] y) {
    q, scale, zero = DynamicQuantizeLinear(x)  y = MatMulInteger(q, w, zero) }"""
MODELS = {
    "float": ("(float[4,64] x) => (float[4,64] y) { y = Sigmoid(x) }", ()),
    "S8 activations": (QDQ % (SCALES, "s", "s"), (SIGNED,)),
    "U8 activations": (QDQ % (SCALES, "u", "u"), (UNSIGNED,)),
    "no zero point": (
        "(float[4,64] x) => (uint8[4,64] y) <float one = {1.0}> { y = QuantizeLinear(x, one) }",
        (UNSIGNED,),
    ),
    "S8 asked for": (
        "(float[4,64] x) => (int8[4,64] y) <float one = {1.0}> { y = QuantizeLinear <output_dtype = 3> (x, one) }",
        (SIGNED,),
    ),
    "16 bits": (
        "(float[4,64] x) => (int16[4,64] y) <float one = {1.0}, int16 z = {0}> { y = QuantizeLinear(x, one, z) }",
        (),
    ),
    "quantised while running": (DYNAMIC, (UNSIGNED,)),
    "S8 and U8": (
        f"""(float[4,64] x) => (float[4,64] y, float[4,64] z) <{SCALES}> {{
        a = QuantizeLinear(x, one, s)  y = DequantizeLinear(a, one, s)
        b = QuantizeLinear(x, one, u)  z = DequantizeLinear(b, one, u) }}""",
        BOTH,
    ),
    "a weight that is quantised in the model": (
        f"""(float[4,64] x) => (float[4,8] y) <{SCALES}, float[64,8] f = {{{", ".join(["1.0"] * 512)}}}> {{
        same = Identity(f)  i = QuantizeLinear(same, one, s)  v = DequantizeLinear(i, one, s)
        q = QuantizeLinear(x, one, u)  d = DequantizeLinear(q, one, u)  y = MatMul(d, v) }}""",
        (UNSIGNED,),
    ),
    "a zero point made by Constant": (
        """(float[4,64] x) => (int8[4,64] y) <float one = {1.0}> {
        z = Constant <value = int8 {3}> ()  y = QuantizeLinear(x, one, z) }""",
        (SIGNED,),
    ),
    "integers from a Cast": (
        "(float[4,64] x) => (int32[4,8] y) { q = Cast <to = 2> (x)  y = MatMulInteger(q, w) }",
        (UNSIGNED,),
    ),
    "integers from the caller": ("(int8[4,64] x) => (int32[4,8] y) { y = MatMulInteger(x, w) }", (SIGNED,)),
    "in a branch": (
        """(bool[1,1] c, float[4,64] x) => (int32[4,8] y) { y = If (c) <
        then_branch = one () => (int32[4,8] a) { q, k, z = DynamicQuantizeLinear(x)  a = MatMulInteger(q, w, z) },
        else_branch = two () => (int32[4,8] b) { r, l, o = DynamicQuantizeLinear(x)  b = MatMulInteger(r, w, o) }> }""",
        (UNSIGNED,),
    ),
}


def model(text: str) -> onnx.ModelProto:
    made = parser.parse_model(f"{HEAD} g {text}")
    weight = np.random.default_rng(0).integers(-127, 128, (64, 8)).astype(np.int8)
    made.graph.initializer.append(numpy_helper.from_array(weight, "w"))
    return made


@pytest.mark.parametrize("kind", MODELS)
def test_the_types_of_activations_decide(kind: str) -> None:
    text, wanted = MODELS[kind]
    assert exact_sums(model(text)) == wanted


def test_functions_of_the_model_are_looked_into() -> None:
    text = f"""{HEAD} g (float[4,64] x) => (int32[4,8] y) {{ y = local.product(x, w) }}
        <opset_import: ["": 21], domain: "local"> product (a, b) => (c) {{
        q, scale, zero = DynamicQuantizeLinear(a)  c = MatMulInteger(q, b, zero) }}"""
    assert exact_sums(parser.parse_model(text)) == (UNSIGNED,)


@pytest.mark.parametrize("kind", [kind for kind in MODELS if kind not in ("float", "16 bits")])
def test_a_file_that_loads_by_default_loads_with_exact_sums(kind: str, tmp_path: Path) -> None:
    onnx.save(model(MODELS[kind][0]), tmp_path / "model.onnx")
    try:
        open_session(tmp_path / "model.onnx", "onnxruntime:default")
    except ArtifactError:
        pytest.skip("onnxruntime does not load this kind")
    session = open_session(tmp_path / "model.onnx")
    assert (session.settings in MODELS[kind][1]) == session.runtime.endswith("exact INT8 sums")


@pytest.mark.parametrize("saturates", [True, False])
def test_defaults_are_looked_at_where_they_differ(
    saturates: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ca_deploy.runtimes._exact_sums.default_saturates", lambda: saturates)
    for kind, differs in {"S8 activations": saturates, "float": False}.items():
        path = tmp_path / "model.onnx"
        onnx.save(model(MODELS[kind][0]), path)
        default = differing_default(open_session(path), path)
        assert (default is not None) == differs
        assert default is None or (default.runtime.endswith("default settings") and not default.settings)
    assert differing_default(open_session(path, "onnxruntime:reference"), path, "onnxruntime:reference") is None
