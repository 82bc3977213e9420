"""Files as if exported, evaluated and timed: records of a real one in which single figures were changed."""

from dataclasses import replace
from typing import Any

from ca_deploy.records.accuracy import AccuracyReport
from ca_deploy.records.parity import ParityReport
from ca_deploy.records.report import Choice
from ca_deploy.records.statistics import Trust, Validity
from ca_deploy.reporting.choose import choices
from ca_deploy.reporting.found import Measured, Shipped


def made(file: Shipped, label: str, top1: float | None = None, ms: float | None = None, **manifest: Any) -> Shipped:
    changed = replace(file, label=label, manifest=replace(file.manifest, **manifest), accuracies=(), measured=())
    changed = replace(changed, parities=(changed.manifest.parity,))
    if top1 is not None:
        changed = replace(changed, accuracies=(accuracy(file, top1),))
    if ms is not None:
        changed = replace(changed, measured=(measured(file, ms),))
    return changed


def accuracy(file: Shipped, top1: float, **changes: Any) -> AccuracyReport:
    return replace(file.accuracies[0], top1=top1, figures={"top1": top1, "top5": 100.0}, images=10_000, **changes)


def measured(file: Shipped, ms: float, verdict: Trust = Trust.VALID, model: str = "Pi 5") -> Measured:
    (one,) = file.measured
    statistics = one.measurement.statistics
    assert statistics is not None
    reasons = () if verdict is Trust.VALID else ("too warm",)
    found = replace(
        one.measurement,
        statistics=replace(statistics, median_ms=ms),
        starts=tuple(
            replace(start, invoke_ns=tuple(round(ms * 1e6 * (1 + 0.002 * (number % 5 - 2))) for number in range(50)))
            for start in one.measurement.starts
        ),
        validity=Validity(verdict, reasons),
        label=f"{ms}",
    )
    device = replace(one.report.device, name="ssh://pi", model=model, architecture="aarch64")
    return Measured(replace(one.report, device=device, ranking=()), found)


def sampleless(file: Shipped, ms: float) -> Measured:
    found = measured(file, ms)
    return replace(found, measurement=replace(found.measurement, starts=()))


def on(file: Shipped, label: str, top1: float = 90, parity: ParityReport | None = None, **ms: float) -> Shipped:
    """With a time on each device, in one report per device."""
    found = tuple(measured(file, value, model=model) for model, value in ms.items())
    named = (replace(one, report=replace(one.report, device=replace(one.report.device, name=one.report.device.model)))
             for one in found)  # fmt: skip
    return replace(made(file, label, top1, parity=parity or file.manifest.parity), measured=tuple(named))


def only(*files: Shipped, within: float = 1.0) -> Choice:
    (choice,) = choices(files, within)
    return choice
