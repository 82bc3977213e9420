"""Which of several measurements is the fastest, and which of them cannot be told apart."""

from collections.abc import Sequence
from typing import cast

from ca_deploy.latency.statistics import ratio_of_medians
from ca_deploy.records.devices import InstructionCounts
from ca_deploy.records.latency import Measurement
from ca_deploy.records.statistics import Rank


def ranking(measurements: Sequence[Measurement], seed: int) -> tuple[Rank, ...]:
    """The measurements from best to worst, by median time or by instructions; () for fewer than two.

    Those without samples (from a benchmark program) are left out. The ratio to the best one has the interval of
    :func:`~ca_deploy.latency.statistics.ratio_of_medians`; counts of instructions are exact. Two measurements share a
    rank when the interval of one overlaps that of the first with the rank; the rank after it counts them all: 1, 1, 3.
    """
    ratios = _of_instructions(measurements) or _of_times(measurements, seed)
    found: list[Rank] = []
    reach = 0.0  # the upper end of the first interval with the present rank
    for place, (name, ratio, low, high) in enumerate(sorted(ratios, key=lambda one: one[1]), start=1):
        is_like_first = bool(found) and (ratio if low is None else low) <= reach
        if not is_like_first:
            reach = ratio if high is None else high
        found.append(Rank(name, found[-1].rank if is_like_first else place, ratio, low, high))
    return tuple(found) if len(found) > 1 else ()


_Ratio = tuple[str, float, float | None, float | None]


def _of_instructions(measurements: Sequence[Measurement]) -> list[_Ratio]:
    counted = [found for found in measurements if found.instructions is not None]
    totals = [cast(InstructionCounts, found.instructions).total for found in counted]
    return [(found.name, total / min(totals), None, None) for found, total in zip(counted, totals, strict=True)]


def _of_times(measurements: Sequence[Measurement], seed: int) -> list[_Ratio]:
    timed = [found for found in measurements if any(found.samples_ns)]
    if not timed:
        return []
    best = min(timed, key=lambda found: cast(float, found.statistics and found.statistics.median_ms))
    ratios: list[_Ratio] = [(best.name, 1.0, 1.0, 1.0)]
    for found in timed:
        if found is not best:
            ratio = ratio_of_medians(found.samples_ns, best.samples_ns, paired=True, seed=seed)
            ratios.append((found.name, ratio.ratio, ratio.low, ratio.high))
    return ratios
