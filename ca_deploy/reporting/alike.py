"""Which times cannot be told apart."""

from collections.abc import Mapping

from ca_deploy.reporting.measures import Costs


def are_alike(first: str, second: str, cost: Costs) -> bool:
    """Whether the two have the same rank in the same latency report: their intervals overlap."""
    one, other = cost.measured.get(first), cost.measured.get(second)
    if one is None or other is None or one.report is not other.report:
        return False
    ranks: Mapping[str, int] = {rank.measurement: rank.rank for rank in one.report.ranking}
    places = [ranks.get(found.measurement.name) for found in (one, other)]
    return places[0] is not None and places[0] == places[1]
