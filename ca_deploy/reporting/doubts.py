"""What a recommendation does not know, in sentences: nothing of it is silent."""

from collections.abc import Iterator, Mapping

from ca_deploy.errors import listed
from ca_deploy.records.latency import LatencyReport
from ca_deploy.records.report import Basis
from ca_deploy.records.statistics import Trust
from ca_deploy.reporting.alike import UNSAMPLED_PERCENT, has_samples
from ca_deploy.reporting.chance import few_images, narrow_exclusions, no_better_than_guessing
from ca_deploy.reporting.decision import Decision
from ca_deploy.reporting.elsewhere import before_heat, on_other_devices, on_other_photos
from ca_deploy.reporting.found import Measured, Shipped
from ca_deploy.reporting.measures import CostKind, Costs, is_invalid
from ca_deploy.reporting.scales import scale_of


def doubts(decision: Decision) -> tuple[str, ...]:
    """Of what was not measured, of the figures that decided, of other devices, and of the recommended file."""
    found = [*_of_what_is_missing(decision), *_of_figures(decision)]
    if decision.recommended is not None:
        file = decision.files[decision.recommended]
        for of in (on_other_photos, on_other_devices, before_heat):
            found += of(decision, file.label)
        if decision.quality.basis is Basis.ACCURACY:
            found += no_better_than_guessing(file, decision.quality.sets[0].lowest[file.label])
        found += _of_file(file, decision.cost)
    return tuple(found)


def _of_what_is_missing(decision: Decision) -> Iterator[str]:
    """What the files were not compared with. An accuracy that is known is said of a file whose cost is not."""
    if decision.apart:
        yield (
            "Not compared with files of other networks for the same job, which have an answer of their own, because "
            f"accuracy was not measured on the same photos: {listed(decision.apart)}. Evaluate the files of all "
            "networks on the same photos, and there is one answer: ca-deploy evaluate FILE --data PHOTOS --json."
        )
    quality, unit = decision.quality, decision.quality.measure.unit
    known = {} if quality.basis is Basis.SQNR else quality.values
    unpriced = [f"{one} ({known[one]:.2f} {unit})" if one in known else one for one in decision.unpriced]
    for labels, measure in ((decision.unjudged, quality.measure), (unpriced, decision.cost.measure)):
        if labels:
            yield (
                f"Not compared: {len(labels)} of the {len(decision.files)} files, whose {measure.name} is not "
                f"known: {listed(labels)}. Any of them may be the better choice."
            )


def _of_figures(decision: Decision) -> Iterator[str]:
    files, quality, cost = decision.files, decision.quality, decision.cost
    if quality.basis is not Basis.ACCURACY:
        yield (
            f"No accuracy was measured: the choice rests on {quality.measure.name}, which says whether a file still "
            "answers as its network does, not whether that is right. Measure it: ca-deploy evaluate FILE --data PHOTOS "
            "--json."
        )
    else:
        yield from quality.sets[0].doubts()
    yield from few_images(decision)
    yield from narrow_exclusions(decision)
    if cost.kind is CostKind.SIZE:
        tried = [label for label in decision.good if files[label].measured]
        what = "No speed was measured of these files"
        if tried:
            what = f"The figures of speed are invalid or lacking, though there are measurements of {listed(tried)}"
        elif any(file.measured for file in files.values()):
            what = "No speed was measured of the files that are good enough, only of others"
        again = "Measure it again" if tried else "Measure it"
        yield f"{what}: the choice rests on size. {again}: ca-deploy profile FILES --device adb --json."
    elif cost.kind is CostKind.INSTRUCTIONS:
        timed = {label for other in decision.costs if other.kind is CostKind.DEVICE_TIME for label in other.values}
        said = "no phone has run these files"
        if timed:
            said = f"{len(timed)} of the {len(files)} files were timed on a device: {listed(sorted(timed))}"
        yield f"Instructions are counted on an emulated processor and are not time; {said}."
    elif cost.kind is CostKind.DESKTOP_TIME:
        yield "The times are those of this kind of computer, a hint and not a phone's latency."
    if older := [label for label, one in decision.measured.items() if _has_newer_invalid(files[label], one)]:
        yield f"A newer measurement of {listed(older)} is invalid; the last one that is not counts."
    if cost.kind in (CostKind.DEVICE_TIME, CostKind.DESKTOP_TIME):
        yield from _of_runs(decision.measured)
    if untrained := [label for label, file in files.items() if not file.manifest.model.trained]:
        yield f"Random weights: {listed(untrained)}. Accuracy and agreement say nothing of a trained network."


def _of_runs(measured: Mapping[str, Measured]) -> Iterator[str]:
    """What else may make times differ than the files."""
    runs = {id(one.report) for one in measured.values()}
    if len(runs) > 1:
        yield (
            f"The times are of {len(runs)} separate runs: differences of a few percent may be those of the runs. "
            "Measured together, files take turns, and are ranked."
        )
    programs = {label: one.measurement.engine.runner for label, one in measured.items()}
    protocols = {label: _protocol(one.report) for label, one in measured.items()}
    for what, used in (("programs", programs), ("protocols", protocols)):
        kinds = {kind: [label for label in used if used[label] == kind] for kind in sorted(set(used.values()))}
        if len(kinds) > 1:
            by = "; ".join(f"{kind}: {listed(labels)}" for kind, labels in kinds.items())
            yield f"The times were measured by different {what}, which may be what makes them differ ({by})."
    unsampled = [label for label, one in measured.items() if not has_samples(one)]
    if unsampled and len(measured) > 1:
        yield (
            f"The samples of {listed(unsampled)} were not kept: times that differ by no more than "
            f"{UNSAMPLED_PERCENT:g} % are taken for alike."
        )


def _protocol(report: LatencyReport) -> str:
    lasting = f" ({report.heat.minutes:.0f} minutes)" if report.heat is not None else ""
    return f"{report.protocol.name}{lasting}"


def _has_newer_invalid(file: Shipped, used: Measured) -> bool:
    return not is_invalid(used) and any(
        is_invalid(one)
        and one.report.measured_on > used.report.measured_on
        and scale_of(file, one) == scale_of(file, used)
        for one in file.measured
    )


def _of_file(file: Shipped, cost: Costs) -> Iterator[str]:
    measured = cost.measured.get(file.label)
    validity = measured.measurement.validity if measured else None
    if validity is not None and validity.verdict is Trust.DOUBTFUL:
        yield f"Its time is doubtful: {'; '.join(validity.reasons)}."
    if not file.present:
        yield f"{file.label} itself is not beside its manifest."
    for one in file.compat:
        if one.refused:
            yield f"{one.target} does not load it: {one.refused}."
