"""Calibration: statistics of the activations of a float model."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from ca_deploy.formats._activation import ObservedRange
from ca_deploy.formats._channel_scales import ChannelScales

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(slots=True)
class Activation(ObservedRange):
    """Statistics of one tensor over the images so far: its range, samples, and the sum of the means per channel."""

    channel_sums: "NDArray[np.float64] | None" = None

    def channel_means(self) -> "NDArray[np.float64]":
        """The mean per channel, ``(C,)``; channels are the last axis."""
        return np.asarray(self.channel_sums) / self.images


def observe(
    content: bytes,
    fed: "Iterable[Sequence[NDArray[Any]]]",
    tensors: Iterable[int],
    threads: int,
    scales: Mapping[int, ChannelScales] = MappingProxyType({}),
) -> dict[int, Activation]:
    """Run the model's inputs, batch by batch, in a float model, and observe ``tensors``, given by index.

    One pass collects all statistics, and fills ``scales``; the positions of samples are reproducible.
    """
    # Without this option, XNNPACK reuses and fuses tensors.
    interpreter: Any = Interpreter(model_content=content, num_threads=threads, experimental_preserve_all_tensors=True)
    interpreter.allocate_tensors()
    places = [detail["index"] for detail in interpreter.get_input_details()]
    random = np.random.default_rng(0)
    seen = {index: Activation() for index in tensors}
    for values in fed:
        for place, value in zip(places, values, strict=True):
            interpreter.set_tensor(place, value)
        interpreter.invoke()
        for index, activation in seen.items():
            value = interpreter.get_tensor(index)
            _add(activation, value, random)
            if index in scales:
                scales[index].add(value)
    return seen


def _add(activation: Activation, value: "NDArray[np.float32]", random: np.random.Generator) -> None:
    activation.add(value, random)
    means = value.reshape(-1, value.shape[-1] if value.ndim else 1).mean(0)
    activation.channel_sums = means if activation.channel_sums is None else activation.channel_sums + means
