"""Calibration: the statistics of an activation that several formats choose its range from."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SAMPLES_PER_IMAGE = 2048


@dataclass(slots=True)
class ObservedRange:
    """The range and samples of one tensor over the images so far."""

    minimum: float = np.inf
    maximum: float = -np.inf
    samples: "list[NDArray[np.float32]]" = field(default_factory=list)
    images: int = 0

    def add(self, value: "NDArray[Any]", random: np.random.Generator) -> None:
        """Observe the tensor's value for one more image; ``random`` chooses the positions of the samples."""
        self.minimum = min(self.minimum, float(value.min()))
        self.maximum = max(self.maximum, float(value.max()))
        flat = value.reshape(-1)
        few = flat.size <= _SAMPLES_PER_IMAGE
        self.samples.append(flat.copy() if few else flat[random.integers(flat.size, size=_SAMPLES_PER_IMAGE)])
        self.images += 1

    def percentiles(self, share: float) -> tuple[float, float]:
        """The range that excludes ``100 - share`` percent of the values at either end."""
        low, high = np.percentile(np.concatenate(self.samples), [100 - share, share])
        return float(low), float(high)
