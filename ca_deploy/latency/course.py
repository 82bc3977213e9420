"""The samples of a latency report over time, and the temperature of the device beside them."""

from collections.abc import Sequence

from ca_deploy.records.latency import LatencyReport, Measurement, ProcessStart


def course(start: ProcessStart, zero_s: float) -> list[tuple[float, float]]:
    """Each timed inference of a process: seconds since ``zero_s`` on the measuring machine's clock, and its ms.

    A program that keeps only durations gives no clock, and nothing here.
    """
    began_ns = start.start_ns[0] - start.before_ns if start.start_ns else 0  # the device's clock when its work began
    times = zip(start.start_ns, start.invoke_ns, strict=False)
    return [(start.began_at_s - zero_s + (at_ns - began_ns) / 1e9, ns / 1e6) for at_ns, ns in times]


def temperatures(
    report: LatencyReport, measurements: Sequence[Measurement], zero_s: float
) -> list[tuple[float, float]]:
    """Every reading before, during and after the ``measurements``: seconds since ``zero_s``, and °C; in order."""
    moments = [report.before, *(m for found in measurements for start in found.starts for m in start.conditions)]
    moments += [report.after] if report.after else []
    return sorted((m.at_s - zero_s, m.temperature_c) for m in moments if m.temperature_c is not None)
