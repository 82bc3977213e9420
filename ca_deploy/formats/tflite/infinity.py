"""Activations that hold infinity, which have no scale: XNNPACK crashes on a file whose scale is NaN."""

from collections.abc import Container
from typing import TYPE_CHECKING

import numpy as np

from ca_deploy.errors import ModelError
from ca_deploy.graphs import flatbuffer

if TYPE_CHECKING:
    from ca_deploy.formats.tflite.ranges import Ranges

_LARGEST = 1e30  # converters write the largest float32 in place of infinity


def without_infinity(
    content: bytes, ranges: "Ranges", recipe_name: str, kept_float: Container[str] = ()
) -> "tuple[bytes, Ranges]":
    """A float flatbuffer whose padding with -inf is finite, and the ranges of its activations.

    litert-torch 0.10 writes max pooling with padding that way. The maximum of a window, which holds at least one real
    value, is the same where the padding is the lowest of the tensor's values; the padded tensor gets the range of the
    tensor before. ``kept_float`` names tensors that are not quantised.

    Raises:
        ModelError: another activation holds infinity; the message names the operator and its module.
    """
    model, ranges = flatbuffer.read(content), dict(ranges)
    changed = False
    for operator in model.subgraphs[0].operators:
        kind = flatbuffer.operator_name(model, operator)
        name = flatbuffer.tensor_name(model, operator.outputs[0])
        if name not in ranges or name in kept_float or _is_finite(ranges, name):
            continue
        source = flatbuffer.tensor_name(model, operator.inputs[0])
        if kind != "PADV2" or not _is_finite(ranges, source):
            module = name.rpartition(";")[0]
            raise ModelError(
                f"{recipe_name}: an activation that holds infinity has no scale in INT8. It is computed by {kind} in "
                f"the module {module!r}. Use a finite value there (-20 in a mask, not -inf), keep that module float "
                f"with a [[layer]] of a recipe, or export by a float recipe."
            )
        ranges[name] = ranges[source]
        lowest = np.full((), ranges[source]["min"][0], np.float32)
        operator.inputs = [*operator.inputs[:2], flatbuffer.add_constant(model, f"{name}/padding", lowest)]
        changed = True
    return (flatbuffer.write(model) if changed else content), ranges


def _is_finite(ranges: "Ranges", name: str) -> bool:
    return name in ranges and all(abs(float(end[0])) < _LARGEST for end in ranges[name].values())
