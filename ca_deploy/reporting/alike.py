"""Which times cannot be told apart."""

from collections.abc import Mapping

from ca_deploy.latency.statistics import ratio_of_medians
from ca_deploy.records.statistics import Difference
from ca_deploy.reporting.found import Measured
from ca_deploy.reporting.measures import CostKind, Costs
from ca_deploy.reporting.scales import ranking_of, samples_of

_NEVER_ALIKE = 1.5
UNSAMPLED_PERCENT = 2.0


def are_alike(first: str, second: str, cost: Costs) -> bool:
    """Whether the two have the same rank in one latency report; otherwise whether the interval of their ratio contains
    1, and without samples whether they differ by no more than ``UNSAMPLED_PERCENT``.

    That interval is of the samples, not of what changes between two runs. Counts are exact: those of several reports
    are never alike, nor are times that are 1.5 times as long.
    """
    one, other = cost.measured.get(first), cost.measured.get(second)
    if one is None or other is None:
        return False
    if one.report is other.report:
        ranks: Mapping[str, int] = {rank.measurement: rank.rank for rank in ranking_of(one)}
        places = [ranks.get(found.measurement.name) for found in (one, other)]
        if None not in places:
            return places[0] == places[1]
    low, high = sorted((cost.values[first], cost.values[second]))
    if cost.kind is CostKind.INSTRUCTIONS or high > _NEVER_ALIKE * low:
        return False
    if has_samples(one) and has_samples(other):
        return ratio_of_medians(samples_of(one), samples_of(other)).verdict is Difference.NONE
    return high <= (1 + UNSAMPLED_PERCENT / 100) * low


def has_samples(one: Measured) -> bool:
    """Whether every start has its samples, and none of them is 0."""
    samples = samples_of(one)
    return bool(samples) and all(start and min(start) > 0 for start in samples)
