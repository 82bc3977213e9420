"""The float counterpart of an integer file: each range stays, and nothing is rounded to the steps of a scale.

What such a file computes is off by the rounding of its weights alone, and that can be foretold: weights that are moved
at random by up to half a step do as much harm. What is off by more is no rounding.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ca_deploy.runtimes import Session


@dataclass(frozen=True, slots=True)
class Counterpart:
    """Which one. ``wide``: with ranges so wide that they cut off nothing, because what a range should cut off is a
    question of calibration. ``random``: with weights moved by up to half of their step.
    """

    wide: bool = True
    random: np.random.Generator | None = None

    def moved(self, values: "NDArray[np.float64]", step: "NDArray[np.float64]") -> "NDArray[np.float64]":
        """``values (…)`` with steps that broadcast to them.

        Where each filter has a step, what is added has mean 0 in each filter, as rounding has after bias correction.
        """
        if self.random is None:
            return values
        added = self.random.uniform(-0.5, 0.5, values.shape)
        if step.size > 1 and values.size > step.size:
            within = tuple(axis for axis, size in enumerate(step.shape) if size == 1)
            added -= added.mean(within, keepdims=True)
        return np.asarray(values + added * step)


class Opener(Protocol):
    """Opens the counterpart of a file, which may be written to ``folder``; None where nothing in it is
    quantised.

    Its inputs are those of the file, its outputs are float.
    """

    def __call__(self, path: Path, folder: Path, wanted: Counterpart) -> "Session | None": ...
