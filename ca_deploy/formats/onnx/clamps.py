"""Relu and Clip that ONNX Runtime's quantiser drops where a QuantizeLinear follows, whose range clamps as much.

A file remembers them in its metadata, because a range also cuts off what calibration calls outliers.
"""

import json
import math
from collections.abc import Mapping

import onnx
from onnx import numpy_helper

_KEY = "ca_deploy.dropped_clamps"

# The lowest and highest value of a tensor, by its name; None where there is no limit.
Clamps = Mapping[str, tuple[float | None, float | None]]


def clamps_of(model: onnx.ModelProto) -> Clamps:
    """Of all outputs of Relu and Clip."""
    ends_of_clips = {name for node in model.graph.node if node.op_type == "Clip" for name in node.input[1:3]}
    constants = {one.name: numpy_helper.to_array(one) for one in model.graph.initializer if one.name in ends_of_clips}
    found: dict[str, tuple[float | None, float | None]] = {}
    for node in model.graph.node:
        if node.op_type == "Relu":
            found[node.output[0]] = (0.0, None)
        elif node.op_type == "Clip":
            ends = [float(constants[name]) if name in constants else None for name in (*node.input[1:3], "", "")[:2]]
            low, high = (end if end is not None and math.isfinite(end) else None for end in ends)
            found[node.output[0]] = (low, high)
    return found


def remember_dropped(quantised: onnx.ModelProto, before: Clamps) -> None:
    """Write those of ``before`` into the metadata that no Relu or Clip computes any more, in place."""
    left = clamps_of(quantised)
    dropped = {name: ends for name, ends in before.items() if name not in left}
    quantised.metadata_props.add(key=_KEY, value=json.dumps(dropped))


def dropped_clamps(quantised: onnx.ModelProto) -> Clamps | None:
    """Those that the file remembers; None where it does not, or says it in a form that is not ours."""
    entry = next((one.value for one in quantised.metadata_props if one.key == _KEY), None)
    if entry is None:
        return None
    try:
        return {
            str(name): (None if low is None else float(low), None if high is None else float(high))
            for name, (low, high) in json.loads(entry).items()
        }
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
