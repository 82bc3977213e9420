"""Bias correction: quantised convolutions keep the mean output of the float model.

Rounding the weights shifts the mean of each output channel, and the shifts accumulate through the network. Subtracting
the shift, measured on calibration images, from each bias removes it at no cost at run time (Nagel et al., "Data-Free
Quantization Through Weight Equalization and Bias Correction", ICCV 2019, arXiv 1906.04721, section 4.2; here with real
images, each layer on the float network's own activations).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import helper, numpy_helper

from ca_deploy.graphs.ort_values import values_inside
from ca_deploy.records.samples import Samples

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MOST_IMAGES = 32  # a few suffice, because each contributes a mean over all its positions


@dataclass(frozen=True, slots=True)
class _Rounded:
    """A convolution of the float model, with its weights and its int32 bias in the quantised model."""

    node: onnx.NodeProto
    weight: "NDArray[np.float32]"
    bias: onnx.TensorProto
    bias_scale: "NDArray[np.float32]"


def correct_biases(quantised: onnx.ModelProto, model: onnx.ModelProto, fed: Samples, batch: int) -> None:
    """Correct the biases of ``quantised`` in place by the shift from the float ``model``, measured on samples.

    ``fed`` are samples in the form of the model's inputs. Convolutions without a bias are not corrected.
    """
    rounded = list(_rounded_convolutions(model, quantised))
    if not rounded:
        return
    chosen = np.unique(np.linspace(0, len(fed) - 1, _MOST_IMAGES).astype(int))
    names = [f"shift_{index}" for index in range(len(rounded))]
    shifts = list(values_inside(_with_shifts(model, rounded), names, fed.rows(chosen.tolist()).batches(batch)))
    for convolution, per_image in zip(rounded, zip(*shifts, strict=True), strict=True):
        steps = np.round(np.mean(np.concatenate(per_image), axis=0).ravel() / convolution.bias_scale).astype(np.int32)
        corrected = numpy_helper.to_array(convolution.bias) + steps
        convolution.bias.CopyFrom(numpy_helper.from_array(corrected, convolution.bias.name))


def _rounded_convolutions(model: onnx.ModelProto, quantised: onnx.ModelProto) -> Iterator[_Rounded]:
    by_name = {node.name: node for node in quantised.graph.node}
    produced = {name: node for node in quantised.graph.node for name in node.output}
    constants = {constant.name: constant for constant in quantised.graph.initializer}
    for node in model.graph.node:
        if node.op_type != "Conv" or len(node.input) < 3 or node.name not in by_name:
            continue
        sources = [produced.get(name) for name in by_name[node.name].input[1:]]
        names = [name for source in sources if source is not None for name in source.input[:2]]
        if len(names) != 4 or not all(name in constants for name in names):
            continue  # the weights are computed, or stay float
        weight, scale, bias, bias_scale = (constants[name] for name in names)
        integers = numpy_helper.to_array(weight).astype(np.float32)
        steps = numpy_helper.to_array(scale).reshape(-1, *[1] * (integers.ndim - 1))
        yield _Rounded(node, integers * steps, bias, numpy_helper.to_array(bias_scale))


def _with_shifts(model: onnx.ModelProto, rounded: list[_Rounded]) -> onnx.ModelProto:
    """The float model, with the mean shift of each convolution's output channels: ``shift_0`` and so on."""
    observed = onnx.ModelProto()
    observed.CopyFrom(model)
    graph = observed.graph
    for index, convolution in enumerate(rounded):
        image, weight = convolution.node.input[:2]
        error, shifts, shift = (f"{part}_{index}" for part in ("error", "shifts", "shift"))
        # A convolution with the rounding errors as weights computes the shift itself.
        twin = helper.make_node("Conv", [image, error], [shifts])
        twin.attribute.extend(convolution.node.attribute)
        graph.node.extend([twin, helper.make_node("GlobalAveragePool", [shifts], [shift])])
        original = next(numpy_helper.to_array(value) for value in graph.initializer if value.name == weight)
        graph.initializer.append(numpy_helper.from_array(original - convolution.weight, error))
    return observed
