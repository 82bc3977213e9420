"""Samples of a latency report -> figures that stay small, however many samples there are."""

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from ca_deploy.latency.course import course, temperatures
from ca_deploy.records.latency import LatencyReport, Measurement
from ca_deploy.render.report.figures import Box, Boxes, Course

_MOST_SPANS = 120
_MOST_S = 1e7  # a third of a year; a clock that says more was not one


def boxes(report: LatencyReport) -> Boxes | None:
    """One box for each measurement that kept its samples; None where none did."""
    found = tuple(box for one in report.measurements if (box := _box(one)))
    if not found:
        return None
    fastest = min(found, key=lambda box: box.median)
    said = f"Of {len(found)} measurements, {fastest.label} has the lowest median: {fastest.median:.3g} ms."
    return Boxes(f"Distribution of the time per inference on {report.device.model}", said, found)


def _box(one: Measurement) -> Box | None:
    samples = np.array([ns for start in one.samples_ns for ns in start], np.float64) / 1e6
    if not len(samples):
        return None
    low, first, median, third, high = map(float, np.percentile(samples, [0, 25, 50, 75, 100]))
    return Box(one.name, one.validity.verdict if one.validity else "", low, first, median, third, high)


def course_of(report: LatencyReport, one: Measurement) -> Course | None:
    """The samples of a measurement over time, at most 120 spans of them; None without samples and their times."""
    zero = min((start.began_at_s for start in one.starts), default=0.0)
    points = sorted(itertools.chain.from_iterable(course(start, zero) for start in one.starts))
    if len(points) < 2 or max(abs(points[0][0]), abs(points[-1][0])) > _MOST_S:
        return None
    heat = [
        (at, celsius) for at, celsius in temperatures(report, [one], zero) if abs(at) < _MOST_S and abs(celsius) < 1000
    ]
    tenth = len(points) // 10 + 1
    first, last = (float(np.median([ms for _, ms in part])) for part in (points[:tenth], points[-tenth:]))
    warmth = f", from {heat[0][1]:.0f} to {heat[-1][1]:.0f} °C" if heat else "; the device reports no temperature"
    said = f"In {points[-1][0]:.1f} s, the median went from {first:.3g} ms (first tenth) to {last:.3g} ms (last)"
    return Course(f"{one.name} over time", f"{said}{warmth}.", tuple(_spans(points)), tuple(_thinned(heat)))


def _spans(points: Sequence[tuple[float, float]]) -> Iterator[tuple[float, float, float, float]]:
    for part in np.array_split(np.asarray(points), min(_MOST_SPANS, len(points))):
        low, median, high = map(float, np.percentile(part[:, 1], [0, 50, 100]))
        yield float(np.median(part[:, 0])), low, median, high


def _thinned(points: Sequence[tuple[float, float]]) -> Sequence[tuple[float, float]]:
    return points[:: -(-len(points) // _MOST_SPANS)] if points else points
