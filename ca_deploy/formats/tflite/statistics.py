"""Calibration: statistics of the activations of a float model."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SAMPLES_PER_IMAGE = 2048


@dataclass(slots=True)
class Activation:
    """Statistics of one tensor over the images so far: its range, samples, and the sum of the means per channel."""

    minimum: float = np.inf
    maximum: float = -np.inf
    samples: "list[NDArray[np.float32]]" = field(default_factory=list)
    channel_sums: "NDArray[np.float64] | None" = None
    images: int = 0

    def channel_means(self) -> "NDArray[np.float64]":
        """The mean per channel, ``(C,)``; channels are the last axis."""
        return np.asarray(self.channel_sums) / self.images

    def percentiles(self, share: float) -> tuple[float, float]:
        """The range that excludes ``100 - share`` percent of the values at either end."""
        low, high = np.percentile(np.concatenate(self.samples), [100 - share, share])
        return float(low), float(high)


def observe(
    content: bytes, images: "Iterable[NDArray[np.float32]]", tensors: Iterable[int], threads: int
) -> dict[int, Activation]:
    """Run ``images (S, S, 3)`` one by one in a float model, and observe ``tensors``, given by index.

    One pass collects all statistics; the positions of samples are reproducible.
    """
    # Without this option, XNNPACK reuses and fuses tensors.
    interpreter: Any = Interpreter(model_content=content, num_threads=threads, experimental_preserve_all_tensors=True)
    interpreter.allocate_tensors()
    image_index = interpreter.get_input_details()[0]["index"]
    random = np.random.default_rng(0)
    seen = {index: Activation() for index in tensors}
    for image in images:
        interpreter.set_tensor(image_index, image[None])
        interpreter.invoke()
        for index, activation in seen.items():
            _add(activation, interpreter.get_tensor(index), random)
    return seen


def _add(activation: Activation, value: "NDArray[np.float32]", random: np.random.Generator) -> None:
    activation.minimum = min(activation.minimum, float(value.min()))
    activation.maximum = max(activation.maximum, float(value.max()))
    flat = value.reshape(-1)
    few = flat.size <= _SAMPLES_PER_IMAGE
    activation.samples.append(flat if few else flat[random.integers(flat.size, size=_SAMPLES_PER_IMAGE)])
    means = value.reshape(-1, value.shape[-1]).mean(0)
    activation.channel_sums = means if activation.channel_sums is None else activation.channel_sums + means
    activation.images += 1
