"""Float ONNX model -> INT8, with ONNX Runtime's quantiser."""

import math
from collections.abc import Callable, Collection, Mapping
from collections.abc import Set as AbstractSet

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnxruntime.quantization import (
    CalibrationMethod,
    QDQQuantizer,
    QuantType,
    TensorData,
    TensorsData,
    quantize_dynamic,
)
from onnxruntime.quantization.registry import QDQRegistry, QLinearOpsRegistry

from ca_deploy.delivery.scratch import temporary
from ca_deploy.errors import ModelError
from ca_deploy.formats.onnx.calibrate import Range
from ca_deploy.formats.onnx.clamps import clamps_of, remember_dropped

QUANTISED = frozenset({*QLinearOpsRegistry, *QDQRegistry})  # kinds of operators

# A calibrated range of a gate would scale all its outputs by a common error. TFLite fixes the range of sigmoid too.
_SIGMOIDS = ("Sigmoid", "HardSigmoid")
_SIGMOID_RANGE = (0.0, 255 / 256)
# The number of input channels of a layer, from the shape of its weights and its attributes.
_CHANNELS: Mapping[str, Callable[[list[int], Mapping[str, int]], int]] = {
    "Conv": lambda weight, attributes: weight[1] * attributes.get("group", 1),
    "ConvTranspose": lambda weight, attributes: weight[0],
    "Gemm": lambda weight, attributes: weight[1] if attributes.get("transB") else weight[0],
}


def quantise_static(
    model: onnx.ModelProto, ranges: Mapping[str, Range], keep_float: Collection[str] = ()
) -> onnx.ModelProto:
    """The model with QuantizeLinear/DequantizeLinear pairs: S8 activations, per-channel S8 weights.

    ``keep_float`` names nodes that are not quantised. Sigmoid outputs get scale 1/256.

    Raises:
        ModelError: no operation in the model can be quantised, or one has values that no range holds.
    """
    finite = {name: ends for name, ends in ranges.items() if all(map(math.isfinite, ends))}
    _refuse_without_range(model, ranges.keys() - finite.keys(), keep_float)
    fixed = {node.output[0]: _SIGMOID_RANGE for node in model.graph.node if node.op_type in _SIGMOIDS}
    data = {
        name: TensorData(lowest=np.array(low, np.float32), highest=np.array(high, np.float32))
        for name, (low, high) in {**finite, **fixed}.items()
    }
    clamps = clamps_of(model)  # the quantiser changes the model
    quantiser = QDQQuantizer(
        model,
        per_channel=True,
        reduce_range=False,
        weight_qType=QuantType.QInt8,
        activation_qType=QuantType.QInt8,
        tensors_range=TensorsData(CalibrationMethod.MinMax, data),
        nodes_to_quantize=[],
        nodes_to_exclude=list(keep_float),
        op_types_to_quantize=sorted(QUANTISED),
        extra_options={},
    )
    quantised = _something_quantised(quantiser.quantize_model(), "QuantizeLinear")
    _hold_float(quantised, keep_float)
    remember_dropped(quantised, clamps)
    return quantised


def _refuse_without_range(model: onnx.ModelProto, without: AbstractSet[str], keep_float: Collection[str]) -> None:
    """Refuse an operator that would be quantised, with an activation that is infinite or NaN."""
    for node in model.graph.node:
        touched = not without.isdisjoint([*node.input, *node.output])
        if touched and node.op_type in QUANTISED and node.name not in keep_float:
            raise ModelError(
                f"{node.name} has infinite values or NaN on calibration images, for which integers have no scale. Mask "
                "with a finite number such as -1e4 instead of -inf, keep the layer float by a [[layer]] in a recipe, "
                "or choose a float recipe."
            )


def _hold_float(model: onnx.ModelProto, names: Collection[str]) -> None:
    """Let ONNX Runtime compute layers between two quantised tensors in float.

    It quantises the float weights of such a layer itself, with one scale for all channels
    (``weight_bias_quantization.cc``, onnxruntime 1.32), unless the input has a scale per channel. Here the input gets
    its only scale once per channel.
    """
    graph = model.graph
    produced = {name: node for node in graph.node for name in node.output}
    constants = {constant.name: constant for constant in graph.initializer}
    for node in [node for node in graph.node if node.op_type in _CHANNELS and node.name in names]:
        source, weight = produced.get(node.input[0]), constants.get(node.input[1])
        if source is None or source.op_type != "DequantizeLinear" or weight is None:
            continue
        channels = _CHANNELS[node.op_type](list(weight.dims), {a.name: a.i for a in node.attribute})
        own = f"{node.name}_input"
        inputs = [source.input[0]]
        for name in source.input[1:]:
            value = np.full(channels, numpy_helper.to_array(constants[name]).item())
            spread = value.astype(numpy_helper.to_array(constants[name]).dtype)
            inputs.append(f"{own}_{name}")
            graph.initializer.append(numpy_helper.from_array(spread, inputs[-1]))
        graph.node.append(helper.make_node("DequantizeLinear", inputs, [own], name=f"{own}_DequantizeLinear", axis=1))
        node.input[0] = own


def quantise_dynamic(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with S8 weights in MatMul and Gemm, whose activations are quantised at run time.

    Convolutions stay float: with ConvInteger, CA-MobileNetV2 is 6 times slower than in float (onnxruntime 1.32,
    x86-64), and older runtimes have no such kernel for S8 weights (microsoft/onnxruntime#15888).

    Raises:
        ModelError: the model has no MatMul or Gemm with constant weights.
    """
    with temporary() as folder:
        path = folder / "dynamic.onnx"
        quantize_dynamic(
            model, path, op_types_to_quantize=["MatMul", "Gemm"], per_channel=True, weight_type=QuantType.QInt8
        )
        return _something_quantised(onnx.load(path), "MatMulInteger")


def _something_quantised(model: onnx.ModelProto, evidence: str) -> onnx.ModelProto:
    if not any(node.op_type == evidence for node in model.graph.node):
        held = ", ".join(sorted({node.op_type for node in model.graph.node}))
        raise ModelError(
            f"Nothing in this network could be quantised: none of its operations has an integer form ({held}). "
            "Choose a float recipe."
        )
    del model.metadata_props[:]  # written by the quantiser for itself
    return model
