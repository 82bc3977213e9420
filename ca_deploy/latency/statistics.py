"""Statistics of inference times: pure functions on samples. Outliers are kept: they show throttling."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ca_deploy.records.statistics import Difference, Ratio, Statistics

# With fewer samples the 99th percentile is no more than the maximum.
P99_NEEDS = 100
_RESAMPLES = 2000


def summarise(samples_ns: Sequence[int]) -> Statistics:
    """Summary of at least one sample in ns. Percentiles interpolate linearly (numpy's default)."""
    ms = np.asarray(samples_ns, np.float64) / 1e6
    median, p90, p95, p99 = np.percentile(ms, [50, 90, 95, 99])
    return Statistics(
        n=len(ms),
        min_ms=float(ms.min()),
        median_ms=float(median),
        mean_ms=float(ms.mean()),
        std_ms=float(ms.std(ddof=1)) if len(ms) > 1 else 0.0,
        p90_ms=float(p90),
        p95_ms=float(p95),
        p99_ms=float(p99) if len(ms) >= P99_NEEDS else None,
        max_ms=float(ms.max()),
    )


def ratio_of_medians(
    first: Sequence[Sequence[int]], second: Sequence[Sequence[int]], paired: bool = False, seed: int = 0
) -> Ratio:
    """Compare two files; each is given as its samples per process start.

    The bootstrap resamples process starts, and then samples within each: inferences of one process share their
    memory layout and their time, so they are not independent (Kalibera and Jones, "Rigorous benchmarking in
    reasonable time", ISMM 2013). ``paired``: start ``i`` of both ran side by side, so both are drawn together.
    """
    random = np.random.default_rng(seed)
    firsts, seconds = ([np.asarray(start, np.float64) for start in starts] for starts in (first, second))
    paired = paired and len(firsts) == len(seconds)
    ratios = np.empty(_RESAMPLES)
    for index in range(_RESAMPLES):
        drawn = random.integers(len(firsts), size=len(firsts))
        other = drawn if paired else random.integers(len(seconds), size=len(seconds))
        ratios[index] = _median_of(firsts, drawn, random) / _median_of(seconds, other, random)
    low, high = np.percentile(ratios, [2.5, 97.5])
    ratio = float(np.median(np.concatenate(firsts)) / np.median(np.concatenate(seconds)))
    return Ratio(ratio, float(low), float(high), _difference(float(low), float(high)))


def _difference(low: float, high: float) -> Difference:
    if high < 1:
        return Difference.FASTER
    return Difference.SLOWER if low > 1 else Difference.NONE


def _median_of(
    starts: Sequence[NDArray[np.float64]], drawn: NDArray[np.int64], random: np.random.Generator
) -> np.float64:
    samples = [random.choice(starts[index], size=len(starts[index])) for index in drawn]
    return np.float64(np.median(np.concatenate(samples)))
