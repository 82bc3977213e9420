"""Choose the quantisation range of each activation."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ca_deploy.formats.tflite.statistics import Activation
    from ca_deploy.records.recipe import ExportRecipe

# Tensor name -> {"min": array, "max": array}, as ai-edge-quantizer's calibration returns them.
Ranges = dict[str, dict[str, Any]]

_OUTPUT_MARGIN = 0.2


def activation_ranges(model: Any, seen: "Mapping[int, Activation]", recipe: "ExportRecipe") -> Ranges:
    """Ranges by the recipe's method.

    The quantizer's default, a moving average of the minima and maxima, clips many values: 12 dB at the output of
    CA-MobileNetV2, where the true minima and maxima reach 21 dB. The range of the logits is extended by a fifth at both
    ends, because other photos exceed the range in calibration, and a clipped logit is the most costly error.
    """
    graph = model.subgraphs[0]
    ranges = {}
    for index, activation in seen.items():
        low, high = activation.minimum, activation.maximum
        if index in graph.outputs:
            margin = _OUTPUT_MARGIN * (high - low)
            low, high = low - margin, high + margin
        elif recipe.calibration == "percentile":
            low, high = activation.percentiles(recipe.percentile)
        name = graph.tensors[index].name
        ranges[name.decode() if isinstance(name, bytes) else name] = {
            "min": np.array([low], np.float32),
            "max": np.array([high], np.float32),
        }
    return ranges
