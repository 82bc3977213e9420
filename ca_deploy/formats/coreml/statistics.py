"""Calibration: statistics of the activations of a float ML Program."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from ca_deploy.mil.executor import Executor
from ca_deploy.mil.program import Name

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SAMPLES_PER_IMAGE = 2048
WEIGHTED = ("conv", "linear")


@dataclass(slots=True)
class Activation:
    """Statistics of one tensor over the images so far: its range, samples, and (for inputs of layers) its sum."""

    minimum: float = np.inf
    maximum: float = -np.inf
    samples: "list[NDArray[np.float32]]" = field(default_factory=list)
    sum: torch.Tensor | None = None
    images: int = 0

    def mean(self) -> torch.Tensor:
        """The mean feature map, of the tensor's own shape."""
        assert self.sum is not None
        return self.sum / self.images

    def percentiles(self, share: float) -> tuple[float, float]:
        """The range that excludes ``100 - share`` percent of the values at either end."""
        low, high = np.percentile(np.concatenate(self.samples), [100 - share, share])
        return float(low), float(high)


def observe(package: Path, images: "Iterable[NDArray[np.generic]]") -> dict[str, Activation]:
    """Run images ``(1, …)``, in the form of the program's input, in the reference executor, and observe every tensor.

    One pass collects all statistics; the positions of samples are reproducible.
    """
    executor = Executor(package)
    (image_input,) = executor.program.inputs
    layers = [operation for operation in executor.program.operations if operation.kind in WEIGHTED]
    summed = {layer.inputs["x"].name for layer in layers if isinstance(layer.inputs["x"], Name)}
    random = np.random.default_rng(0)
    seen: dict[str, Activation] = {}

    def watch(name: str, value: torch.Tensor) -> None:
        activation = seen.setdefault(name, Activation())
        activation.minimum = min(activation.minimum, float(value.min()))
        activation.maximum = max(activation.maximum, float(value.max()))
        flat = value.reshape(-1).numpy()
        few = flat.size <= _SAMPLES_PER_IMAGE
        activation.samples.append(flat.copy() if few else flat[random.integers(flat.size, size=_SAMPLES_PER_IMAGE)])
        if name in summed:
            activation.sum = value.clone() if activation.sum is None else activation.sum + value
        activation.images += 1

    for image in images:
        executor.run({image_input.name: image}, watch)
    return seen
