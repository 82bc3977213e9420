"""What one integer scale for a whole tensor leaves of each of its channels.

A tensor of activations has one scale, whose step is its range, with zero, divided by 255 (INT8). Rounding adds noise of
step² / 12, so a channel whose standard deviation is ``s`` steps keeps 10 log10(12 s²) dB about its mean, whatever made
the step wide: other channels that are larger (boxes in pixels beside scores), or an offset (years around 1990).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ca_deploy.errors import consecutive

if TYPE_CHECKING:
    from numpy.typing import NDArray

# 1.6 steps are 15 dB about the mean, the floor of recipes: rounding errors of 0.18 deviations. Measured in steps, the
# narrowest channel of an output has 40 in the bundled network, and 5 to 55 in tests/zoo (classifiers 5 to 22, maps 9
# to 45, the embedding 7), other than where boxes stand beside scores: 0.3 and 1.5; see benchmarks/output_scales.py.
FEWEST_STEPS = 1.6
_RUNS_SHOWN = 4
_CONSTANT = 1e-6  # a deviation of this share of the largest value is float32's own rounding


@dataclass(frozen=True, slots=True)
class Narrow:
    """Channels that deviate by fewer than :data:`FEWEST_STEPS` steps, along an ``axis`` with ``count`` channels.

    ``fewest`` and ``most`` are the standard deviations of the narrowest of them and of the tensor's widest channel, in
    steps; ``mean`` and ``deviation`` are those of the narrowest, in the tensor's units.
    """

    channels: tuple[int, ...]
    count: int
    bits: int
    fewest: float
    most: float
    mean: float
    deviation: float

    def __str__(self) -> str:
        """A clause: ``channels 4-6 of 7 deviate by as little as 0.2 of the 255 steps of an INT8 scale, and …``"""
        scale = f"of the {2**self.bits - 1} steps of an INT{self.bits} scale"
        if self.count == 1:
            return f"its values, {self.mean:.4g} ± {self.deviation:.2g}, deviate by {self.fewest:.2g} {scale}"
        several = len(self.channels) > 1
        which = f"channel{'s' if several else ''} {_numbered(self.channels)} of {self.count}"
        others = "" if len(self.channels) == self.count else f", and the widest channel by {self.most:.2g}"
        least = "as little as " if several else ""
        return f"{which} deviate{'' if several else 's'} by {least}{self.fewest:.2g} {scale}{others}"


class ChannelScales:
    """The deviation of each channel of one tensor over the samples so far.

    The channels are along the second axis or the last one, as frameworks and heads differ, ``(N, C, H, W)`` or
    ``(N, anchors, C)``: along any other axis a slice holds all channels, and deviates as the widest does.
    """

    def __init__(self) -> None:
        self._low, self._high = np.inf, -np.inf
        self._sums: dict[int, NDArray[np.float64]] = {}  # axis -> (3, channels): count, sum, sum of squares

    def add(self, value: "NDArray[Any]") -> None:
        """Observe the tensor's value ``(N, ...)`` for more samples; the first axis is the batch's."""
        if value.size == 0:
            return
        exact = value.astype(np.float64)
        if exact.ndim < 2:
            exact = exact.reshape(-1, 1)
        self._low, self._high = min(self._low, float(exact.min())), max(self._high, float(exact.max()))
        for axis in _channel_axes(exact.shape):
            rows = np.moveaxis(exact, axis, 0).reshape(exact.shape[axis], -1)
            sums = np.stack([np.full(len(rows), rows.shape[1]), rows.sum(1), np.einsum("cn,cn->c", rows, rows)])
            known = self._sums.get(axis)
            self._sums[axis] = sums if known is None or known.shape != sums.shape else known + sums

    @property
    def is_probability(self) -> bool:
        """Whether all values were in 0..1."""
        return self._low >= 0 and self._high <= 1

    def steps(self, bits: int) -> "dict[int, NDArray[np.float64]]":
        """The standard deviation of each channel in steps, by the axis of the channels; NaN for a constant channel.

        A constant is off by at most half a step, which no deviation measures.
        """
        step = _step(self._low, self._high, bits)
        if not np.isfinite(step) or step <= 0:
            return {}
        still = _CONSTANT * max(abs(self._low), abs(self._high))
        found = {}
        for axis, (_, deviations) in self._moments().items():
            found[axis] = np.where(deviations > still, deviations / step, np.nan)
        return found

    def narrow(self, bits: int) -> Narrow | None:
        """The channels that integers of so many bits destroy; None where there are none."""
        for axis, steps in self.steps(bits).items():
            channels = np.flatnonzero(steps < FEWEST_STEPS)
            if len(channels):
                least = channels[np.argmin(steps[channels])]
                means, deviations = self._moments()[axis]
                return Narrow(
                    tuple(map(int, channels)),
                    len(steps),
                    bits,
                    float(steps[least]),
                    float(np.nanmax(steps)),
                    float(means[least]),
                    float(deviations[least]),
                )
        return None

    def _moments(self) -> "dict[int, tuple[NDArray[np.float64], NDArray[np.float64]]]":
        """Means and standard deviations per channel, by axis."""
        found = {}
        for axis, (count, total, squares) in self._sums.items():
            means = total / count
            found[axis] = means, np.sqrt(np.maximum(squares / count - means**2, 0))
        return found


def _step(low: float, high: float, bits: int) -> float:
    """INT8 has a zero point and covers zero; INT16 is symmetric around zero."""
    if bits > 8:
        return float(2 * max(abs(low), abs(high)) / (2**bits - 2))
    return float((max(high, 0) - min(low, 0)) / (2**bits - 1))


def _channel_axes(shape: Sequence[int]) -> tuple[int, ...]:
    last = len(shape) - 1
    alone = [axis for axis in (1, last) if shape[axis] == 1]  # the only channel of a map
    return tuple(dict.fromkeys(alone[:1] or (1, last)))


def _numbered(channels: Sequence[int]) -> str:
    """``4-6`` or ``0, 2 and 3 more``"""
    runs = consecutive(channels)
    texts = [f"{first}-{last}" if last > first else str(first) for first, last in runs]
    left = sum(last - first + 1 for first, last in runs[_RUNS_SHOWN:])
    return ", ".join(texts[:_RUNS_SHOWN]) + (f" and {left} more" if left else "")
