"""Bias correction for the mean error of rounded weights (Nagel et al. 2019, arXiv 1906.04721, section 4.2).

Rounding changes the weights by ``E``, so the mean output of a convolution shifts by ``E·mean(input)`` in every channel,
and after a ReLU6 the mean is most of the input. Subtracting the shift from the bias costs nothing at run time, and
gained 9 dB with CA-MobileNetV2's weights.
"""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ca_deploy.graphs import flatbuffer

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ca_deploy.formats.tflite.ranges import Ranges
    from ca_deploy.formats.tflite.statistics import Activation


def correct_biases(
    model: Any, seen: "Mapping[int, Activation]", ranges: "Ranges", kept_float: Collection[str] = ()
) -> None:
    """Correct the biases of the float ``model`` in place, and add to ``ranges`` the weights whose range is too small.

    ``kept_float`` names the output tensors of operators that are not quantised.
    """
    graph = model.subgraphs[0]
    for operator in graph.operators:
        kind = flatbuffer.operator_name(model, operator)
        source, weight_index, bias_index = [*operator.inputs, -1, -1][:3]
        weight = flatbuffer.constant(model, weight_index)
        if kind not in flatbuffer.WEIGHTED or source not in seen or weight is None:
            continue
        if flatbuffer.tensor_name(model, operator.outputs[0]) in kept_float:
            continue
        depthwise = kind == "DEPTHWISE_CONV_2D"
        axis = weight.ndim - 1 if depthwise else 0
        rows = np.moveaxis(weight, axis, 0).reshape(weight.shape[axis], -1)  # one per output channel
        bias = flatbuffer.constant(model, bias_index)
        if bias is None:
            bias = np.zeros(len(rows), np.float32)

        # The bias becomes an int32 multiple of both scales, and overflows where the weights of a channel are almost
        # zero and so is their scale (a dead channel, an untrained gate).
        incoming = ranges[flatbuffer.tensor_name(model, source)]
        input_scale = max(float(max(incoming["max"][0], 0) - min(incoming["min"][0], 0)) / 255, 1e-9)
        widest = np.abs(rows).max(1)
        bound = np.maximum(widest, 127 * np.abs(bias) / (2**30 * input_scale)).astype(np.float32)
        if (bound > widest).any():
            shape = [-1 if number == axis else 1 for number in range(weight.ndim)]
            name = flatbuffer.tensor_name(model, weight_index)
            ranges[name] = {"min": -bound.reshape(shape), "max": bound.reshape(shape)}

        scale = np.maximum(bound, 1e-9)[:, None] / 127
        error = np.rint(rows / scale) * scale - rows
        inputs_per_filter = 1 if depthwise else weight.shape[-1]
        bias = bias - _shift(error, seen[source].channel_means(), inputs_per_filter)
        # A new tensor, because layers may share equal constants.
        corrected = flatbuffer.add_constant(model, f"{flatbuffer.tensor_name(model, operator.outputs[0])}/bias", bias)
        operator.inputs = [source, weight_index, corrected]


def _shift(error: "NDArray[np.float32]", means: "NDArray[np.float64]", inputs_per_filter: int) -> "NDArray[np.float32]":
    """The shift of the mean of each output channel, without the effect of padding.

    ``error`` is ``(outputs, taps · inputs_per_filter)``; a depthwise filter has one input, a grouped one its group's.
    """
    groups = len(means) // inputs_per_filter
    means_per_filter = means.reshape(groups, inputs_per_filter).repeat(len(error) // groups, axis=0)
    shift = error.reshape(len(error), -1, inputs_per_filter).sum(1) * means_per_filter
    total: NDArray[np.float32] = shift.sum(1).astype(np.float32)
    return total
