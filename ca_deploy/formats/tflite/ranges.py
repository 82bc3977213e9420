"""Choose the range that each activation is quantised to."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ca_deploy.formats.tflite.statistics import Activation
    from ca_deploy.records.recipe import ExportRecipe

# Tensor name -> {"min": array, "max": array}, as ai-edge-quantizer's calibration gives them.
Ranges = dict[str, dict[str, Any]]

_OUTPUT_MARGIN = 0.2


def activation_ranges(model: Any, seen: "Mapping[int, Activation]", recipe: "ExportRecipe") -> Ranges:
    """Ranges by the recipe's method.

    The quantizer's own default, a moving average of the minima and maxima, clips hard: 12 dB at the output of
    CA-MobileNetV2 where the true minima and maxima give 21. The logits get a fifth more on both sides: other
    photos go beyond those of the calibration, and a clipped logit is the costliest error of all.
    """
    graph = model.subgraphs[0]
    ranges = {}
    for index, activation in seen.items():
        low, high = activation.minimum, activation.maximum
        if index == graph.outputs[0]:
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
