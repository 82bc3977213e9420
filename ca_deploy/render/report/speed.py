"""Latency reports -> figures, verdicts, distributions and courses: one chapter per device and protocol."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ca_deploy.records.latency import LatencyReport
from ca_deploy.render import latency
from ca_deploy.render.blocks import Line, Piece, Role
from ca_deploy.render.report.figures import Details, Part
from ca_deploy.render.report.samples import boxes, course_of
from ca_deploy.render.roles import TRUST


def speed(reports: Sequence[LatencyReport]) -> Iterator[Part]:
    """Those of one device and protocol stand in one table; a ranking is only there for what was measured together."""
    alike: dict[tuple[str, str, str], list[LatencyReport]] = {}
    for report in reports:
        alike.setdefault((report.device.name, report.device.model, report.protocol.name), []).append(report)
    for together in alike.values():
        yield from _on_device(together)


def _on_device(reports: Sequence[LatencyReport]) -> Iterator[Part]:
    first = reports[0]
    measurements = tuple(one for report in reports for one in report.measurements)
    shown = replace(first, measurements=measurements, ranking=(), heat=None)
    yield latency.device_line(first.device)
    days = sorted({report.measured_on for report in reports})
    when = f"on {days[0]}" if len(reports) == 1 else f"in {len(reports)} separate runs, {days[0]} to {days[-1]}"
    yield Line(f"measured {when}, {first.protocol.name} protocol", wrap=True)
    yield from _validity(shown)
    yield latency.figures(shown)
    for report in reports:
        if len(report.measurements) > 1:
            yield from latency.ranking(report)
        if report.heat is not None:
            yield from latency.heat(report.heat)
    if drawn := boxes(shown):
        yield drawn
    pairs = ((report, one) for report in reports for one in report.measurements)
    if courses := [course for report, one in pairs if (course := course_of(report, one))]:
        yield Details("Time and temperature over the measurement", tuple(courses))
    for name, said in ((name, said) for report in reports for name, said in report.failures.items()):
        yield Line((Piece("not measured", Role.BAD), f": {name}: {said}"), wrap=True)


def _validity(found: LatencyReport) -> Iterator[Part]:
    """The verdict on every measurement; what speaks against all of them stands once."""
    common = latency.common_reasons(found.measurements)
    if common:
        yield Line((Piece("all of these", Role.CAUTION), f": {'; '.join(common)}"), wrap=True)
    for one in found.measurements:
        if one.validity is not None:
            own = [reason for reason in one.validity.reasons if reason not in common]
            verdict = Piece(one.validity.verdict, TRUST[one.validity.verdict])
            yield Line((f"{one.name} is ", verdict, f": {'; '.join(own)}" if own else ""), wrap=True)
