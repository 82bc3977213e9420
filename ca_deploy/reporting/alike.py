"""Which times cannot be told apart."""

from collections.abc import Mapping

from ca_deploy.latency.statistics import ratio_of_medians
from ca_deploy.records.statistics import Difference
from ca_deploy.reporting.found import Measured
from ca_deploy.reporting.measures import CostKind, Costs

_NEVER_ALIKE = 1.5


def are_alike(first: str, second: str, cost: Costs) -> bool:
    """Whether the two have the same rank in one latency report; of several reports, whether the interval of their ratio
    contains 1.

    That interval is of the samples, not of what changes between two runs. Counts are exact: those of several reports
    are never alike, nor are times of which the samples were not kept, nor those that are 1.5 times as long.
    """
    one, other = cost.measured.get(first), cost.measured.get(second)
    if one is None or other is None:
        return False
    if one.report is other.report:
        ranks: Mapping[str, int] = {rank.measurement: rank.rank for rank in one.report.ranking}
        places = [ranks.get(found.measurement.name) for found in (one, other)]
        return places[0] is not None and places[0] == places[1]
    low, high = sorted((cost.values[first], cost.values[second]))
    if cost.kind is CostKind.INSTRUCTIONS or high > _NEVER_ALIKE * low or not (_kept(one) and _kept(other)):
        return False
    return ratio_of_medians(one.measurement.samples_ns, other.measurement.samples_ns).verdict is Difference.NONE


def _kept(one: Measured) -> bool:
    """Whether every start has its samples, and none of them is 0."""
    samples = one.measurement.samples_ns
    return bool(samples) and all(start and min(start) > 0 for start in samples)
