"""Calibration: statistics of the activations of a float ML Program."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ca_deploy.formats._activation import ObservedRange
from ca_deploy.formats._channel_scales import ChannelScales
from ca_deploy.mil.executor import Executor
from ca_deploy.mil.program import Name

if TYPE_CHECKING:
    from numpy.typing import NDArray

WEIGHTED = ("conv", "linear")


@dataclass(slots=True)
class Activation(ObservedRange):
    """Statistics of one tensor over the images so far: its range, samples, and (for inputs of layers) its sum."""

    sum: torch.Tensor | None = None

    def mean(self) -> torch.Tensor:
        """The mean feature map, of the tensor's own shape."""
        if self.sum is None:
            raise ValueError("only the inputs of weighted layers are summed")
        return self.sum / self.images


def observe(
    package: Path,
    fed: "Iterable[Sequence[NDArray[Any]]]",
    scales: Mapping[str, ChannelScales] = MappingProxyType({}),
) -> dict[str, Activation]:
    """Run the program's inputs in their order, batch by batch, in the reference executor, and observe every tensor.

    One pass collects all statistics, and fills ``scales``; the positions of samples are reproducible.
    """
    executor = Executor(package)
    layers = [operation for operation in executor.program.operations if operation.kind in WEIGHTED]
    summed = {layer.inputs["x"].name for layer in layers if isinstance(layer.inputs["x"], Name)}
    random = np.random.default_rng(0)
    seen: dict[str, Activation] = {}

    def watch(name: str, value: torch.Tensor) -> None:
        activation = seen.setdefault(name, Activation())
        activation.add(value.numpy(), random)
        if name in scales:
            scales[name].add(value.numpy())
        if name in summed:
            activation.sum = value.clone() if activation.sum is None else activation.sum + value

    names = [taken.name for taken in executor.program.inputs]
    for values in fed:
        executor.run(dict(zip(names, values, strict=True)), watch)
    return seen
