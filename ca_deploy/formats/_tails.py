"""Calibration: the range that most values of an activation are in, in one pass over the images and bounded memory."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SAMPLES_PER_IMAGE = 1 << 16
_MOST_BEYOND = 1 << 14  # values beyond the range, which rank its end to a hundredth and better


class Tails:
    """The lowest and the highest values of one tensor, of as many as ranges leave out.

    Args:
        beyond: the share of the values that is left out at either end, 0 to 1.
        images: how many will be added.
    """

    def __init__(self, beyond: float, images: int) -> None:
        self._beyond = beyond
        affordable = _MOST_BEYOND / max(beyond * images, 1e-9)
        self._samples_per_image = max(1, int(min(_SAMPLES_PER_IMAGE, affordable)))
        kept = math.floor(beyond * images * self._samples_per_image) + 1
        self._lowest, self._highest = _Highest(kept), _Highest(kept)  # of the negated values, and of the values
        self._count = self._images = 0
        self._is_finite = True

    def add(self, value: "NDArray[Any]") -> None:
        """Observe the tensor's value for one more image; where nothing is left out, all of it."""
        if not value.size:
            return
        exact = self._beyond == 0
        values = (
            np.array([value.min(), value.max()]) if exact else _sample(value, self._samples_per_image, self._images)
        )
        self._images += 1
        self._count += values.size
        self._is_finite = self._is_finite and bool(np.isfinite(values).all())
        self._highest.add(values)
        self._lowest.add(-values)

    @property
    def range(self) -> tuple[float, float]:
        """Between the values that are left out at both ends; NaN where there are infinite ones, NaN, or none at all."""
        if not self._is_finite or not self._count:
            return math.nan, math.nan
        left_out = math.floor(self._beyond * self._count)
        return -self._lowest.after(left_out), self._highest.after(left_out)


class _Highest:
    """The ``most`` highest values of those added."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: NDArray[Any] = np.empty(0, np.float32)
        self._least = -np.inf

    def add(self, values: "NDArray[Any]") -> None:
        higher = values[values > self._least]
        if higher.size:
            self._values = np.concatenate([self._values, higher])
        if self._values.size > 2 * self._most:
            self._values = np.partition(self._values, -self._most)[-self._most :].copy()
            self._least = self._values.min()

    def after(self, highest: int) -> float:
        """The highest value but for so many."""
        return float(np.sort(self._values)[-1 - highest])


def _sample(value: "NDArray[Any]", most: int, number: int) -> "NDArray[Any]":
    """Evenly spaced values, with a step that visits all columns of the tensor, and other ones of the next image."""
    step = -(-value.size // most)
    while step > 1 and math.gcd(step, value.shape[-1]) > 1:
        step += 1
    return np.ascontiguousarray(value.reshape(-1)[number % step :: step])
