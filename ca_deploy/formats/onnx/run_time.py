"""Operations of an integer file that ONNX Runtime executes in float, according to its own plan."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import onnx
from onnx import TensorProto

from ca_deploy.formats._layers import FINDS_DETECTIONS, kept_float_because
from ca_deploy.formats.onnx.detections import is_added
from ca_deploy.graphs.ort_plan import planned
from ca_deploy.records.conversion import FloatOperator

_BYTES = {TensorProto.INT8, TensorProto.UINT8}
_FLOATS = {TensorProto.FLOAT, TensorProto.FLOAT16}
_SIZES = {TensorProto.INT64, TensorProto.INT32}
_OF_SIZES = {
    "Add", "Concat", "Div", "Expand", "Gather", "Mod", "Mul", "Range", "Reshape", "Slice", "Squeeze",
    "Sub", "Unsqueeze",
}  # fmt: skip
_CONVERSIONS = {"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"}


@dataclass(frozen=True, slots=True)
class Planned:
    """Kinds of operators with float tensors only in the graph that ONNX Runtime executes, most frequent first.

    ``notes`` name what it computes in integers although a recipe's ``[[layer]]`` keeps it float.
    """

    float_operators: tuple[FloatOperator, ...]
    notes: tuple[str, ...]


def at_run_time(
    model: onnx.ModelProto,
    normalisation: Collection[str] = (),
    kept_float: Mapping[str, str] = MappingProxyType({}),
    last_stage: Mapping[str, str] = MappingProxyType({}),
) -> Planned:
    """Ask the CPU provider, which plans with the settings that match ARM.

    ``normalisation`` names the nodes that normalise a camera's image, ``kept_float`` maps those that a recipe's
    ``[[layer]]`` keeps float to its pattern, ``last_stage`` those that are kept float for an output to the reason.
    """
    graph = planned(model).graph
    types = {v.name: v.type.tensor_type.elem_type for v in (*graph.value_info, *graph.input, *graph.output)}
    types |= {constant.name: constant.data_type for constant in graph.initializer}
    types |= {node.output[0]: TensorProto.INT8 for node in graph.node if node.op_type == "QuantizeLinear"}
    dynamic = any(node.op_type == "DynamicQuantizeLinear" for node in model.graph.node)
    found: Counter[tuple[str, str]] = Counter()
    rounded: Counter[tuple[str, str]] = Counter()
    for node in graph.node:
        if _computes_sizes(node, types):
            types |= dict.fromkeys(node.output, TensorProto.INT64)
            continue
        # A tensor that the planner inserted has no recorded type: it is on the float side of a conversion.
        touched = {types.get(name, TensorProto.FLOAT) for name in (*node.input, *node.output) if name}
        if node.op_type not in _CONVERSIONS and touched & _BYTES and node.name in kept_float:
            rounded[node.op_type.removeprefix("QLinear"), kept_float[node.name]] += 1
        if node.op_type in _CONVERSIONS or touched & _BYTES or not touched & _FLOATS:
            continue
        if is_added(node):
            reason = FINDS_DETECTIONS
        elif node.name in normalisation:
            reason = "normalises the camera's image"
        elif node.name in kept_float:
            reason = kept_float_because(kept_float[node.name])
        elif node.name in last_stage:
            reason = last_stage[node.name]
        elif dynamic:
            reason = "dynamic quantisation covers MatMul and Gemm only"
        elif _between_conversions(node, graph):
            reason = "ONNX Runtime's CPU kernels for it are float: dequantised before, quantised again after"
        else:
            reason = "not quantised, because a neighbour is not"
        found[node.op_type.removeprefix("Fused"), reason] += 1
    notes = (
        f"{count} x {operator}, which [[layer]] match = {pattern!r} keeps float, lies between quantised tensors: ONNX "
        "Runtime computes it in INT8. Let the pattern match its neighbours, too, to have it in float."
        for (operator, pattern), count in rounded.most_common()
    )
    operators = (FloatOperator(operator, count, reason) for (operator, reason), count in found.most_common())
    return Planned(tuple(operators), tuple(notes))


def _between_conversions(node: onnx.NodeProto, graph: onnx.GraphProto) -> bool:
    before = {other.op_type for other in graph.node if set(other.output) & set(node.input)}
    after = {other.op_type for other in graph.node if set(other.input) & set(node.output)}
    return before <= {"DequantizeLinear"} and after <= {"QuantizeLinear"}


def _computes_sizes(node: onnx.NodeProto, types: Mapping[str, int]) -> bool:
    """Whether it computes integers of a shape. The plan records no types of such tensors; it is in order."""
    if node.op_type in ("Shape", "Size"):
        return True
    if node.op_type == "Cast":
        return next(attribute.i for attribute in node.attribute if attribute.name == "to") in _SIZES
    taken = [types.get(name) for name in node.input if name]
    return node.op_type in _OF_SIZES and bool(taken) and taken[0] in _SIZES
