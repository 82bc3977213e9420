"""Two latency reports of the same device: has anything become slower, and which operators? For use in CI."""

from dataclasses import replace

import numpy as np

from ca_deploy.errors import UsageError, listed
from ca_deploy.latency.operator_changes import has_operators, module_changes, operator_changes
from ca_deploy.latency.statistics import ratio_of_medians
from ca_deploy.records.latency import LatencyReport, Measurement, MeasuringProtocol
from ca_deploy.records.statistics import Change, Difference, Regression, Trust


def compare_reports(before: LatencyReport, after: LatencyReport, threshold_percent: float) -> Regression:
    """Measurements are matched by file name and threads; the only ones of two reports by threads.

    Raises:
        UsageError: the reports share no measurement, one was fed with other shapes than the other, or one is of an
            emulated device and the other is not.
    """
    if before.emulated != after.emulated:
        raise UsageError("One report counts instructions and the other measures times: they cannot be compared.")
    pairs = _pairs(before, after)
    if not pairs:
        raise UsageError("The two reports share no file: they are matched by file name and number of threads.")
    for old, new in pairs:
        _refuse_other_shapes(old, new)
    changes = tuple(
        replace(
            _change(old, new, threshold_percent),
            operators=operator_changes(old, new),
            modules=module_changes(old, new),
        )
        for old, new in pairs
    )
    warnings = [*_warnings(before, after), *_unlike(pairs)]
    return Regression("M" if after.emulated else "ms", threshold_percent, changes, tuple(warnings))


def _pairs(before: LatencyReport, after: LatencyReport) -> list[tuple[Measurement, Measurement]]:
    earlier = {_key(found): found for found in before.measurements}
    pairs = [(earlier[_key(found)], found) for found in after.measurements if _key(found) in earlier]
    both = [*before.measurements, *after.measurements]
    if not pairs and len(before.measurements) == len(after.measurements) == 1 and both[0].threads == both[1].threads:
        return [(both[0], both[1])]
    return pairs


def _unlike(pairs: list[tuple[Measurement, Measurement]]) -> list[str]:
    said = [
        f"two files are compared: {old.what} before, {new.what} after" for old, new in pairs if old.what != new.what
    ]
    for old, new in pairs:
        if old.affinity != new.affinity:
            before, after = (one.affinity or "all" for one in (old, new))
            said.append(f"{new.name} ran on other cores: {before} before, {after} after")
        if has_operators(old) != has_operators(new):
            without = "before" if has_operators(new) else "after"
            said.append(f"{new.name} has no operators in the report {without}: measure with --ops to compare them")
    return said


def _key(found: Measurement) -> tuple[str, int]:
    return found.what, found.threads


def _refuse_other_shapes(old: Measurement, new: Measurement) -> None:
    """Reports of earlier versions do not say what was fed."""
    before, after = ([taken.text for taken in one.inputs] for one in (old, new))
    if before and after and before != after:
        raise UsageError(
            f"{new.name} was fed with {listed(before)} before and {listed(after)} after: they cannot be compared."
        )


def _change(old: Measurement, new: Measurement, threshold_percent: float) -> Change:
    file, threads = _key(new)
    limit = 1 + threshold_percent / 100
    if old.instructions is not None and new.instructions is not None:
        millions = (old.instructions.total / 1e6, new.instructions.total / 1e6)
        ratio = millions[1] / millions[0]
        return Change(file, threads, *millions, ratio, None, None, ratio > limit)
    if not (any(old.samples_ns) and any(new.samples_ns)):
        raise UsageError(f"{file}: a report without samples (from a benchmark program) cannot be compared.")
    found = ratio_of_medians(new.samples_ns, old.samples_ns)
    regressed = found.ratio > limit and found.verdict is Difference.SLOWER
    before, after = (float(np.median(np.concatenate(one.samples_ns))) / 1e6 for one in (old, new))
    return Change(file, threads, before, after, found.ratio, found.low, found.high, regressed)


def _text(protocol: MeasuringProtocol) -> str:
    if protocol.is_sustained:
        return f"{protocol.name} ({protocol.starts} rounds)"
    return f"{protocol.name} ({protocol.starts} starts of {protocol.runs} runs and {protocol.min_seconds:g} s)"


def _warnings(before: LatencyReport, after: LatencyReport) -> list[str]:
    said = []
    if (before.device.model, before.device.architecture) != (after.device.model, after.device.architecture):
        said.append(f"the devices differ: {before.device.model} before, {after.device.model} after")
    protocols = [_text(report.protocol) for report in (before, after)]
    if protocols[0] != protocols[1] and not after.emulated:
        said.append(f"the protocols differ: {protocols[0]} before, {protocols[1]} after")
    said += [
        f"{found.name} is invalid in the report {label}: {found.validity.reasons[0]}"
        for label, report in (("before", before), ("after", after))
        for found in report.measurements
        if found.validity is not None and found.validity.verdict is Trust.INVALID
    ]
    missing = {_key(found) for found in before.measurements} - {_key(old) for old, _ in _pairs(before, after)}
    said += [f"{file} with {threads} threads is missing in the report after" for file, threads in sorted(missing)]
    return said
