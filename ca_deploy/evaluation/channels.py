"""An output by its channels and its positions, each against its own spread: a dead part must not hide in a ratio.

The SQNR of a whole output is that of its largest values: boxes in pixels drown scores in 0..1, and an offset of 1990
drowns the answers around it. Here the signal of a channel is its variance. What is systematic in the error, an offset
or another gain, is looked at on its own too: it stays where noise averages out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_Values = NDArray[Any]

# Of values that compete with each other, a channel counts with at least this share of the spread of all, over samples
# and channels: nobody asks how exactly the score of a class is known that is never likely.
_WEAK = 0.3
_ROUNDING = 16 * float(np.finfo(np.float32).eps)  # of the largest value: what float32 itself may be off
_OF_CONSTANT = 0.01  # of a constant, where no other channel says what a small difference is
_SURE = 3.0  # standard errors
_LOOKED_AT = 4096  # values of a channel, among which different ones are counted


@dataclass(frozen=True, slots=True)
class Channel:
    """The figures of one channel, or of an output without channels.

    ``sqnr_db`` is ``10 log10(variance / mean squared error)``. ``offset`` is the mean error, and ``gain`` the slope of
    the output over the reference; ``systematic`` is the error that the two explain, at least and beyond chance. It and
    ``offset`` are in standard deviations of the reference. ``values`` and ``reference_values`` count the different
    values among some thousand. ``constant``: the reference is, and its signal is a small difference in other channels.
    """

    number: int
    sqnr_db: float
    offset: float
    gain: float
    systematic: float
    values: int
    reference_values: int
    constant: bool = False


@dataclass(frozen=True, slots=True)
class Channels:
    """All channels of an output along ``axis``, and ``position_sqnr_db (…)`` over all channels at each position of a
    map, where each channel counts by its own spread."""

    axis: int
    channels: tuple[Channel, ...]
    position_sqnr_db: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Spread:
    mean: float
    variance: float
    rounding: float  # the mean squared error of float32

    @property
    def constant(self) -> bool:
        return self.variance <= self.rounding


def channel_axis(reference: _Values) -> int:
    """The axis of an output ``(N, …)`` along which its values differ in kind: 1, or the last where that says more.

    Detectors give ``(N, 4 + classes, anchors)`` as well as ``(N, anchors, 4 + classes)``. The last axis has to halve
    the (geometric mean) variance within its slices against that within those of axis 1.
    """
    last = reference.ndim - 1
    if last < 2:
        return 1
    return last if _log_variance_within(reference, last) < _log_variance_within(reference, 1) - np.log(2) else 1


def by_channel(reference: _Values, found: _Values, like_scale: bool = False, axis: int | None = None) -> Channels:
    """The figures of an output ``(N, …)``; one of rank 1 has one channel.

    ``like_scale``: all channels are in the same unit and compete, as logits do, and a weak one is judged by all.
    ``axis`` is that of the channels, where it is known.
    """
    if reference.ndim < 2:
        reference, found = reference.reshape(-1, 1), found.reshape(-1, 1)
    axis = channel_axis(reference) if axis is None else axis
    # (C, N, positions), without a copy
    expected, given = (np.moveaxis(values, axis, 0) for values in (reference, found))
    spreads = [_spread(values) for values in expected]
    signals = _signals(spreads, like_scale)
    channels = []
    error_at = np.zeros(expected.shape[2:])
    signal_at = np.zeros(expected.shape[2:])
    for number, (spread, signal) in enumerate(zip(spreads, signals, strict=True)):
        one, other = expected[number].astype(np.float64), given[number].astype(np.float64)
        channels.append(_channel(number, one, other, spread, signal))
        if signal > 0:
            error_at += np.maximum(np.square(other - one).mean(0) - spread.rounding, 0) / signal / len(spreads)
            signal_at += np.square(one - spread.mean).mean(0) / signal / len(spreads)
    return Channels(axis, tuple(channels), np.atleast_1d(_db(np.maximum(signal_at, 1), error_at)))


def _spread(values: _Values) -> _Spread:
    wide = values.astype(np.float64)
    return _Spread(float(wide.mean()), float(wide.var()), float(np.square(_ROUNDING * np.abs(wide).max(initial=0))))


def _signals(spreads: Sequence[_Spread], like_scale: bool) -> list[float]:
    """The power that the error of each channel is compared with."""
    varying = [spread.variance for spread in spreads if not spread.constant]
    floor = 0.0
    if like_scale:
        of_all = np.mean([spread.variance for spread in spreads]) + np.var([spread.mean for spread in spreads])
        floor = _WEAK**2 * float(of_all)

    def signal(spread: _Spread) -> float:
        if not spread.constant:
            return max(spread.variance, floor)
        return max(min(varying, default=spread.mean**2), (_OF_CONSTANT * spread.mean) ** 2, floor)

    return [signal(spread) for spread in spreads]


def _channel(number: int, expected: _Values, given: _Values, spread: _Spread, signal: float) -> Channel:
    """``expected`` and ``given`` are ``(N, …)`` in float64."""
    error = given - expected
    noise = max(float(np.square(error).mean()) - spread.rounding, 0.0) if np.isfinite(error).all() else np.nan
    offset, slope = float(error.mean()), 0.0
    if not spread.constant:
        slope = float(((expected - spread.mean) * error).mean()) / spread.variance
    linear = offset**2 + slope**2 * spread.variance
    chance = _SURE * np.sqrt(max(noise - linear, 0.0) / len(error))
    scale = np.sqrt(signal) if signal > 0 else 1.0
    counted = spread.variance == signal  # neither constant nor weak
    return Channel(
        number=number,
        sqnr_db=float(_db(signal, noise)),
        offset=offset / scale,
        gain=1 + slope,
        systematic=max(float(np.sqrt(linear) - chance), 0.0) / scale,
        values=_different(given),
        reference_values=_different(expected) if counted else 0,
        constant=spread.constant,
    )


def _different(values: _Values) -> int:
    flat = values.ravel()
    return len(np.unique(flat[:: max(1, len(flat) // _LOOKED_AT)]))


def _db(signal: Any, noise: Any) -> NDArray[np.float64]:
    """``inf`` without noise, NaN where the noise is NaN."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio: NDArray[np.float64] = np.where(np.equal(noise, 0), np.inf, 10 * np.log10(np.divide(signal, noise)))
    return ratio


def _log_variance_within(values: _Values, axis: int) -> float:
    """The mean logarithm of the variance of the slices along an axis."""
    slices = [part.astype(np.float64).var() for part in np.moveaxis(values, axis, 0)]
    least = 1e-12 * max(slices) + np.finfo(np.float64).tiny
    return float(np.mean(np.log(np.maximum(slices, least))))
