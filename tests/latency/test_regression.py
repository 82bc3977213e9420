"""Two reports compared."""

from dataclasses import replace
from pathlib import Path

import pytest

from ca_deploy.errors import UsageError
from ca_deploy.latency.regression import compare_reports
from ca_deploy.records.latency import LatencyReport


def test_a_regression_is_found_and_a_threshold_respected(measured: tuple[LatencyReport, Path]) -> None:
    report, _ = measured

    def slower(factor: float) -> LatencyReport:
        measurements = tuple(
            replace(
                found,
                starts=tuple(
                    replace(start, invoke_ns=tuple(int(ns * factor) for ns in start.invoke_ns))
                    for start in found.starts
                ),
            )
            for found in report.measurements
        )
        return replace(report, measurements=measurements)

    assert compare_reports(report, report, 0).passed
    assert not compare_reports(report, slower(4), 20).passed
    assert compare_reports(report, slower(4), 400).passed
    assert compare_reports(slower(4), report, 0).passed
    with pytest.raises(UsageError, match="share no file"):
        compare_reports(report, replace(report, measurements=()), 5)
    first = report.measurements[0]
    larger = replace(first, inputs=tuple(replace(taken, shape=(2, *taken.shape[1:])) for taken in first.inputs))
    with pytest.raises(UsageError, match=r"was fed with .* before and .* after"):
        compare_reports(report, replace(report, measurements=(larger,)), 5)
    with pytest.raises(UsageError, match="instructions"):
        compare_reports(report, replace(report, emulated=True), 5)
