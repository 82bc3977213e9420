"""Where else another file is better than the recommended one: on other photos or devices, and before they are hot."""

from collections.abc import Iterator

from ca_deploy.reporting.alike import are_alike
from ca_deploy.reporting.decision import Decision
from ca_deploy.reporting.measures import CostKind
from ca_deploy.reporting.scales import heated


def on_other_photos(decision: Decision, recommended: str) -> Iterator[str]:
    """Each other set on which the recommended file would not be good enough."""
    for other in decision.quality.sets[1:]:
        values = {label: value for label, value in other.values.items() if label in decision.sound}
        best = max(values, key=lambda label: (values[label], label == recommended))
        if recommended in values and values[best] - values[recommended] > decision.within:
            yield (
                f"Other photos disagree: on {other.place} ({other.images} photos) {best} has the best {other.metric}, "
                f"{values[best]:.2f} %, where {recommended} has {values[recommended]:.2f} %. Decided on "
                f"{decision.quality.sets[0].place}."
            )


def on_other_devices(decision: Decision, recommended: str) -> Iterator[str]:
    """Each other device, or other way to measure, on which another file that is good enough costs less, or on which the
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
                f"{recommended} has no {name}. Of the files that are good enough and have one ({len(known)} of "
                f"{len(decision.enough)}), {least} has the least, {cost.values[least]:.4g} {unit}. {decided}"
            )
        elif cost.values[least] < cost.values[recommended] and not are_alike(least, recommended, cost):
            yield (
                f"Another file has the least {name}: {least}, {cost.values[least]:.4g} {unit}, where "
                f"{recommended} has {cost.values[recommended]:.4g} {unit}. {decided}"
            )


def before_heat(decision: Decision, recommended: str) -> Iterator[str]:
    """Each good file that the recommended one only beats once lasting load has heated the device."""
    one = decision.measured.get(recommended)
    hot = heated(one) if one is not None else None
    if one is None or hot is None or one.report.heat is None:
        return
    for label, other in decision.measured.items():
        if other.report is one.report and (other.measurement.name, hot.measurement) in one.report.heat.overtaken:
            cold = heated(other)
            times = f": {cold.first_ms:.4g} ms, where {recommended} has {hot.first_ms:.4g} ms" if cold else ""
            yield f"Before the device is hot, {label} is faster{times}. Decided by the last round of lasting load."
