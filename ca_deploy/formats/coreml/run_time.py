"""Operations of an INT8 program that compute in float16."""

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType

from ca_deploy.formats._layers import FINDS_DETECTIONS, kept_float_because
from ca_deploy.mil.program import Name, Operation, Program
from ca_deploy.records.conversion import FloatOperator
from ca_deploy.records.module_path import DETECTION_NAMES

_CONVERSIONS = ("const", "cast", "quantize", "dequantize", "classify", "softmax")
_MOVES = ("reshape", "squeeze", "expand_dims", "transpose", "concat", "split", "slice_by_index", "pad")
_FUSED = ("relu", "relu6", "sigmoid")


def float_operators(
    program: Program,
    kept_float: Mapping[str, str] = MappingProxyType({}),
    last_stage: Mapping[str, str] = MappingProxyType({}),
) -> tuple[FloatOperator, ...]:
    """Kinds of operations whose inputs do not come directly from a ``dequantize``, most frequent first.

    An activation whose result is quantised counts as part of the layer before it. Core ML decides whether a device runs
    the others in INT8. Operations that only move values are not counted, nor is the softmax of a classifier.
    ``kept_float`` maps operations that a recipe's ``[[layer]]`` keeps float to its pattern, ``last_stage`` those that
    are kept float for an output to the reason.
    """
    reasons = {**last_stage, **{name: kept_float_because(pattern) for name, pattern in kept_float.items()}}
    made = {tensor.name: operation for operation in program.operations for tensor in operation.outputs}
    users: dict[str, list[Operation]] = {}
    for operation in program.operations:
        for name in {value.name for value in operation.inputs.values() if isinstance(value, Name)}:
            users.setdefault(name, []).append(operation)
    quantised = {o.inputs["input"].name for o in program.operations if o.kind == "quantize"}
    found: Counter[tuple[str, str]] = Counter()
    for operation in program.operations:
        if operation.kind in (*_CONVERSIONS, *_MOVES) or operation.kind.startswith("constexpr_"):
            continue
        if not operation.is_float:  # computes sizes or positions
            continue
        if operation.name.startswith(DETECTION_NAMES):
            found[operation.kind, FINDS_DETECTIONS] += 1
            continue
        taken = [v.name for key, v in operation.inputs.items() if key in ("x", "y") and isinstance(v, Name)]
        kinds = {made[name].kind if name in made else "input" for name in taken}
        layers = [operation.name]
        if operation.kind in _FUSED:  # float because of the layer before it, or the one behind it
            layers += [made[name].name for name in taken if name in made]
            layers += [user.name for user in users.get(operation.outputs[0].name, ())]
        known = next((reasons[name] for name in layers if name in reasons), None)
        if operation.kind in _FUSED and operation.outputs[0].name in quantised:
            continue
        if operation.kind in ("conv", "linear", "add", "avg_pool", "max_pool"):
            if kinds <= {"dequantize", "const"}:
                continue
            reason = known or "its input is not quantised"
        elif known and (operation.kind in _FUSED or operation.name in last_stage):
            reason = known
        else:
            reason = "coremltools' quantiser covers convolution, linear, pooling and addition"
        found[operation.kind, reason] += 1
    return tuple(FloatOperator(kind, count, reason) for (kind, reason), count in found.most_common())
