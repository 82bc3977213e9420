"""Where else another file is better than the recommended one: on other devices."""

from collections.abc import Iterator

from ca_deploy.reporting.alike import are_alike
from ca_deploy.reporting.decision import Decision
from ca_deploy.reporting.measures import CostKind


def on_other_devices(decision: Decision, recommended: str) -> Iterator[str]:
    """Each other device (or number of threads) on which another file that is good enough costs less, or on which the
    recommended one was not measured."""
    for cost in decision.costs[1:]:
        known = [label for label in decision.enough if label in cost.values]
        if cost.kind is CostKind.SIZE or not known:
            continue
        name, unit = cost.measure.name, cost.measure.unit
        least = min(known, key=lambda label: (cost.values[label], label != recommended))
        decided = f"Decided by {decision.cost.measure.name}."
        if recommended not in known:
            yield (
                f"{recommended} has no {name}: of the {len(decision.enough)} files that are good enough {len(known)} "
                f"have one, and {least} the least, {cost.values[least]:.4g} {unit}. {decided}"
            )
        elif cost.values[least] < cost.values[recommended] and not are_alike(least, recommended, cost):
            yield (
                f"Another file has the least {name}: {least}, {cost.values[least]:.4g} {unit}, where "
                f"{recommended} has {cost.values[recommended]:.4g} {unit}. {decided}"
            )
