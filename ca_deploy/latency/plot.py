"""Latency report -> plot: the distribution of the samples, and their course beside the device's temperature."""

import io
from typing import TYPE_CHECKING

import numpy as np

from ca_deploy.errors import visible
from ca_deploy.latency.course import course, temperatures
from ca_deploy.records.latency import LatencyReport, Measurement

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FORMATS = ("svg", "png")
_MOST_DRAWN = 10_000  # points that an SVG lists; more become a picture in it, instead of a hundred MB
_LABEL = 48  # characters of a name; longer ones would leave no room for the figures
_LITERAL = {"text.parse_math": False}  # a name with two dollars is no formula


def plot(report: LatencyReport) -> dict[str, bytes]:
    """The plot in each file format; empty for an emulated device, which has no times, and without samples."""
    timed = [found for found in report.measurements if any(found.samples_ns)]
    if not timed:
        return {}
    from matplotlib import style
    from matplotlib.figure import Figure

    # Text stays text and identifiers are not random: the same report gives the same file. The default style comes
    # first because a matplotlibrc in the current folder can set more than a style (text.usetex runs LaTeX).
    with style.context(["default", {"svg.fonttype": "none", "svg.hashsalt": "ca-deploy", "font.size": 9, **_LITERAL}]):
        figure = Figure(figsize=(11, 2.8 + 0.35 * len(timed)), layout="constrained")
        distribution, series = figure.subplots(1, 2, width_ratios=(1, 1.4))
        _distribution(distribution, timed)
        _series(series, report, timed)
        device = visible(f"{report.device.model} ({report.device.name})")
        figure.suptitle(f"{device}, {report.measured_on[:10]}, {report.protocol.name} protocol")
        pictures = {}
        for suffix in FORMATS:
            buffer = io.BytesIO()
            # A date would make two plots of the same report differ.
            figure.savefig(buffer, format=suffix, dpi=150, metadata={"Date": None} if suffix == "svg" else {})
            pictures[suffix] = buffer.getvalue()
    return pictures


def _distribution(axes: "Axes", timed: list[Measurement]) -> None:
    """Boxes with whiskers to minimum and maximum: no sample is left out as an outlier."""
    samples = [np.concatenate([np.asarray(start) for start in found.samples_ns]) / 1e6 for found in timed]
    names = [_label(found) for found in timed]
    boxes = axes.boxplot(
        samples, orientation="horizontal", whis=(0, 100), tick_labels=names, widths=0.6, patch_artist=True
    )
    for number, (box, middle) in enumerate(zip(boxes["boxes"], boxes["medians"], strict=True)):
        box.set_facecolor(f"C{number}")
        middle.set_color("black")
    axes.invert_yaxis()
    axes.set_xlabel("ms (box: quartiles, whiskers: all)")
    axes.set_xlim(left=0)


def _series(axes: "Axes", report: LatencyReport, timed: list[Measurement]) -> None:
    """Samples over time in the colours of their boxes, and the temperature where the device reports it."""
    zero = min(start.began_at_s for found in timed for start in found.starts)
    many = sum(len(start) for found in timed for start in found.samples_ns) > _MOST_DRAWN
    for number, found in enumerate(timed):
        for start in found.starts:
            points = course(start, zero)
            axes.plot(
                [at for at, _ in points],
                [ms for _, ms in points],
                ".",
                color=f"C{number}",
                markersize=3,
                rasterized=many,
            )
    axes.set_ylim(bottom=0)
    axes.set_xlabel("seconds since the first process start")
    axes.set_ylabel("ms")
    heat = temperatures(report, timed, zero)
    if heat:
        warmth = axes.twinx()
        warmth.plot(*zip(*heat, strict=True), color="tab:red", linewidth=1)
        warmth.set_ylabel("°C (red line)")


def _label(found: Measurement) -> str:
    what = visible(found.what)
    if len(what) > _LABEL:
        what = f"…{what[-_LABEL:]}"
    return f"{what}\n{found.threads} thread{'s' if found.threads > 1 else ''}"
