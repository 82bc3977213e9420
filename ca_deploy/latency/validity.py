"""Can the figures be trusted? A verdict with reasons, from the conditions on the device during the runs."""

import itertools
from collections.abc import Sequence

import numpy as np

from ca_deploy.records.devices import Conditions
from ca_deploy.records.statistics import Trust, Validity

_CLOCK_FALL = 0.15
_STARTS_DIFFER = 1.10
_OTHER_LOAD = 0.5
_HOT_C = 80.0
_LOW_BATTERY_PERCENT = 20

# Bits of `vcgencmd get_throttled` for the present, and for any time since boot: under-voltage, clock capped, throttled,
# soft temperature limit. Android's thermal status is a number up to 6.
_PI_NOW = 0xF
_PI_SINCE_BOOT = 0xF0000


def judge(
    before: Conditions,
    during: Sequence[Conditions],
    after: Conditions,
    starts_ns: Sequence[Sequence[int]],
    cores: Sequence[int] | None = None,
    runs_reported: int | None = None,
    fewest_runs: int = 50,
    is_sustained: bool = False,
) -> Validity:
    """Judge the runs of one file; ``starts_ns`` are its samples by process start.

    ``cores`` are those it was bound to; ``runs_reported`` is the count of a benchmark program, which keeps no samples.
    The clock has fallen when two observations in a row are more than 15 % below the highest during the runs: a single
    one may have been made between two processes. Under lasting load (``is_sustained``) heat, and what comes of it, is
    what is measured, and only speaks against the figures where the device does not report it.
    """
    moments = [*during, after]
    invalid, doubtful = [], []
    throttled = _throttled(before, moments)
    if throttled and not is_sustained:
        invalid.append(f"the device throttled itself (status {throttled:#x})")
    fall = _clock_fall(during, cores)
    if fall is None:
        doubtful.append("the device does not report its clock")
    elif fall > _CLOCK_FALL and not is_sustained:
        invalid.append(f"the clock fell by {fall:.0%}")
    runs = sum(map(len, starts_ns)) if runs_reported is None else runs_reported
    if runs_reported is not None:
        doubtful.append("the figures come from a benchmark program, without samples to check them")
    if runs < fewest_runs:
        invalid.append(f"too few runs: {runs}; {fewest_runs} are needed")
    governors = {name for moment in (before, *moments) for name in moment.governors or () if name != "performance"}
    if governors:
        doubtful.append(f"the CPU governor is {', '.join(sorted(governors))}, not performance")
    if before.load_1min is not None and before.load_1min > _OTHER_LOAD:
        doubtful.append(f"other programs were running: load {before.load_1min:.1f} before the start")
    medians = [float(np.median(start)) for start in starts_ns if len(start)]
    if len(medians) > 1 and max(medians) > _STARTS_DIFFER * min(medians) and not is_sustained:
        doubtful.append(f"process starts differ: medians {min(medians) / 1e6:.3g} to {max(medians) / 1e6:.3g} ms")
    if before.on_battery and before.battery_percent is not None and before.battery_percent < _LOW_BATTERY_PERCENT:
        doubtful.append(f"the battery is at {before.battery_percent} %")
    temperatures = [moment.temperature_c for moment in moments if moment.temperature_c is not None]
    if is_sustained and not temperatures:
        doubtful.append("the device does not report its temperature")
    if temperatures and max(temperatures) >= _HOT_C and not is_sustained:
        doubtful.append(f"the device was at {max(temperatures):.0f} °C")
    return Validity(_trust(invalid, doubtful), (*invalid, *doubtful))


def _trust(invalid: Sequence[str], doubtful: Sequence[str]) -> Trust:
    if invalid:
        return Trust.INVALID
    return Trust.DOUBTFUL if doubtful else Trust.VALID


def _throttled(before: Conditions, moments: Sequence[Conditions]) -> int:
    """Throttling at any moment, or recorded by the device since ``before``; 0 for none."""
    known = before.throttled or 0
    seen = 0
    for moment in moments:
        status = moment.throttled or 0
        seen |= status & _PI_NOW | status & ~known & _PI_SINCE_BOOT
    return seen


def _clock_fall(during: Sequence[Conditions], cores: Sequence[int] | None) -> float | None:
    fastest = []
    for moment in during:
        if moment.clocks_khz:
            used = [khz for core, khz in moment.clocks_khz.items() if cores is None or core in cores]
            fastest.append(max(used, default=0))
    if not fastest or not max(fastest):
        return None
    pairs = [max(pair) for pair in itertools.pairwise(fastest)] or fastest
    return 1 - min(pairs) / max(fastest)
