"""What lasting load does to files: their first minute beside their last, who overtakes whom, and energy."""

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from ca_deploy.latency.ranking import ranking
from ca_deploy.latency.statistics import ratio_of_medians, summarise
from ca_deploy.records.devices import Conditions
from ca_deploy.records.latency import Measurement, ProcessStart
from ca_deploy.records.statistics import Heat, Heated, Rank

_MOST_DRAWN = 2000
_CHARGING = "the device is on its charger, whose current is not the device's: unplug it (adb works over Wi-Fi)"
_SILENT = "the device does not report the current and the voltage of a battery"


def heat_of(measurements: Sequence[Measurement], seed: int) -> Heat | None:
    """Of measurements whose process starts are rounds of lasting load; None where none has two rounds of samples."""
    lasting = [found for found in measurements if sum(bool(start.invoke_ns) for start in found.starts) > 1]
    if not lasting:
        return None
    starts = [start for found in lasting for start in found.starts]
    first, last = (ranking([thinned(_only(found, number)) for found in lasting], seed) for number in (0, -1))
    files = tuple(_heated(found, seed) for found in lasting)
    moments = [moment for start in starts for moment in start.conditions]
    charging = any(moment.on_battery is False for moment in moments)
    return Heat(
        minutes=(max(map(_end_s, starts)) - min(start.began_at_s for start in starts)) / 60,
        files=files,
        ranking_first=first,
        ranking_last=last,
        overtaken=_overtaken(first, last),
        no_energy="" if any(one.energy_mj is not None for one in files) else _CHARGING if charging else _SILENT,
    )


def thinned(found: Measurement) -> Measurement:
    """With at most 2000 samples of each round, evenly spaced: what a bootstrap can draw from in seconds.

    Its intervals become a little wider, not narrower. All other figures are of every sample.
    """

    def few(start: ProcessStart) -> ProcessStart:
        step = -(-len(start.invoke_ns) // _MOST_DRAWN) or 1
        return replace(start, invoke_ns=start.invoke_ns[::step])

    return replace(found, starts=tuple(map(few, found.starts)))


def _only(found: Measurement, number: int) -> Measurement:
    """The measurement as if one of its rounds were all."""
    start = [start for start in found.starts if start.invoke_ns][number]
    return replace(found, starts=(start,), statistics=summarise(start.invoke_ns))


def _heated(found: Measurement, seed: int) -> Heated:
    rounds = [start for start in found.starts if start.invoke_ns]
    medians = [float(np.median(start.invoke_ns)) / 1e6 for start in rounds]
    moments = [moment for start in rounds for moment in start.conditions]
    clocks = [max(moment.clocks_khz.values()) for moment in moments if moment.clocks_khz]
    fastest = max(clocks, default=0)
    few = [start for start in thinned(found).starts if start.invoke_ns]
    return Heated(
        measurement=found.name,
        first_ms=medians[0],
        last_ms=medians[-1],
        slowest_ms=max(medians, default=0.0),
        ratio=ratio_of_medians([few[-1].invoke_ns], [few[0].invoke_ns], seed=seed),
        hottest_c=max((m.temperature_c for m in moments if m.temperature_c is not None), default=None),
        lowest_clock_percent=100 * min(clocks) / fastest if fastest else None,
        energy_mj=_energy_mj(rounds),
    )


def _energy_mj(rounds: Iterable[ProcessStart]) -> float | None:
    """Energy of the whole device per inference: its mean power in each round, times the time per inference.

    None unless every look at the device found it on its battery, with a current and a voltage.
    """
    energy_mj, inferences = 0.0, 0
    for start in rounds:
        powers = [_watts(moment) for moment in start.conditions]
        if not powers or any(math.isnan(watts) for watts in powers):
            return None
        energy_mj += 1000 * float(np.mean(powers)) * _busy_s(start)
        inferences += len(start.invoke_ns)
    return energy_mj / inferences if inferences else None


def _watts(moment: Conditions) -> float:
    """NaN where the battery does not say, or is being charged. Vendors differ in the sign of a current."""
    if not moment.on_battery or moment.current_ua is None or moment.voltage_uv is None:
        return math.nan
    return abs(moment.current_ua) * moment.voltage_uv / 1e12


def _busy_s(start: ProcessStart) -> float:
    """From the first timed inference to the end of the last, by the device's clock."""
    return (start.start_ns[-1] + start.invoke_ns[-1] - start.start_ns[0]) / 1e9


def _end_s(start: ProcessStart) -> float:
    return start.began_at_s + start.before_ns / 1e9 + (_busy_s(start) if start.start_ns else 0)


def _overtaken(first: Sequence[Rank], last: Sequence[Rank]) -> tuple[tuple[str, str], ...]:
    """Pairs that are told apart in both rankings, and stand in the other order in the second."""
    before = {rank.measurement: rank.rank for rank in first}
    after = {rank.measurement: rank.rank for rank in last}
    both = sorted(before.keys() & after.keys(), key=lambda name: (before[name], name))
    pairs = itertools.combinations(both, 2)
    return tuple((one, other) for one, other in pairs if before[one] < before[other] and after[one] > after[other])
