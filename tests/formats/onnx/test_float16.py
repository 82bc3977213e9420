"""Files whose weights are float16, and what stays float32 in them."""

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto
from onnx.parser import parse_model

from ca_deploy.formats.onnx.export import _sorted
from ca_deploy.formats.onnx.float16 import to_float16
from tests.formats.onnx.kit import Export

HARD_SWISH = """
    <ir_version: 8, opset_import: ["": 18]>
    hard_swish (float[1, 3, 8, 8] image) => (float[1, 4, 8, 8] scores)
    <float[4, 3, 1, 1] weight, float three = {3}, float zero = {0}, float six = {6}>
    {
        [conv] x = Conv(image, weight)
        [relu6] y = Clip(x, zero, six)
        [add] shifted = Add(y, three)
        [clip] cut = Clip(shifted, zero, six)
        [mul] twice = Mul(y, cut)
        [div] swished = Div(twice, six)
        [out] scores = Sigmoid(swished)
    }
"""


def hard_swish() -> onnx.ModelProto:
    model = parse_model(HARD_SWISH)
    weight = np.random.default_rng(0).normal(size=(4, 3, 1, 1)).astype(np.float32)
    model.graph.initializer.append(onnx.numpy_helper.from_array(weight, "weight"))
    for node in model.graph.node:
        node.name = node.op_type if node.op_type != "Clip" else f"Clip_of_{node.input[0]}"
    return onnx.shape_inference.infer_shapes(model)


def types(model: onnx.ModelProto) -> dict[str, int]:
    """The type that each node computes in, by its name."""
    bare = _sorted(model)
    del bare.graph.value_info[:]
    graph = onnx.shape_inference.infer_shapes(bare, strict_mode=True).graph
    known = {value.name: value.type.tensor_type.elem_type for value in (*graph.value_info, *graph.output)}
    return {node.name: known[node.output[0]] for node in graph.node if node.op_type != "Cast"}


def test_float16_keeps_float32_at_both_ends(exported: Export) -> None:
    converted, path = exported("onnx_float16")
    assert (converted.inputs[0].dtype, converted.outputs[0].dtype) == ("float32", "float32")
    model = onnx.load(path)
    weights = [constant for constant in model.graph.initializer if len(constant.dims) > 1]
    assert {weight.data_type for weight in weights} == {TensorProto.FLOAT16}
    computed = types(model)
    assert {kind for name, kind in computed.items() if name.endswith("/Conv")} == {TensorProto.FLOAT16}
    assert [kind for name, kind in computed.items() if "Gemm" in name] == [TensorProto.FLOAT]


def test_what_is_slow_in_float16_stays_float32_without_conversions_between() -> None:
    model = to_float16(hard_swish())
    float16 = {name for name, kind in types(model).items() if kind == TensorProto.FLOAT16}
    assert float16 == {"Conv", "Clip_of_x", "Sigmoid"}
    constants = {constant.name for constant in model.graph.initializer}
    conversions = [node for node in model.graph.node if node.op_type == "Cast" and node.input[0] not in constants]
    assert len(conversions) == 4  # of the image, behind Clip_of_x, before the sigmoid, and of the scores


@pytest.mark.parametrize("optimised", [False, True])
def test_the_answers_stay_those_of_float32(optimised: bool) -> None:
    level = ort.GraphOptimizationLevel
    options = ort.SessionOptions()
    options.graph_optimization_level = level.ORT_ENABLE_ALL if optimised else level.ORT_DISABLE_ALL
    image = np.random.default_rng(1).normal(size=(1, 3, 8, 8)).astype(np.float32)
    wanted, found = (
        ort.InferenceSession(model.SerializeToString(), options).run(None, {"image": image})[0]
        for model in (hard_swish(), to_float16(hard_swish()))
    )
    np.testing.assert_allclose(found, wanted, atol=4e-3)
