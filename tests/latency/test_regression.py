"""Two reports compared."""

from dataclasses import replace
from pathlib import Path

import pytest

from ca_deploy.errors import UsageError
from ca_deploy.latency.operator_changes import OUTSIDE
from ca_deploy.latency.protocol import sustained
from ca_deploy.latency.regression import compare_reports
from ca_deploy.records.devices import InstructionCounts
from ca_deploy.records.latency import GroupCount, LatencyReport, Measurement, OperatorCounts
from ca_deploy.records.statistics import PartChange


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


def test_times_are_compared_operator_by_operator(measured: tuple[LatencyReport, Path]) -> None:
    report, _ = measured
    for change, found in zip(compare_reports(report, report, 0).changes, report.measurements, strict=True):
        assert found.operators is not None
        assert {part.name for part in change.operators} == {row.name for row in found.operators.by_operator}
        assert {part.name for part in change.modules} == {row.name for row in found.operators.by_module}
        assert all((part.before, part.count_before) == (part.after, part.count_after) for part in change.operators)
    assert not compare_reports(report, report, 0).warnings
    without = replace(report, measurements=tuple(replace(found, operators=None) for found in report.measurements))
    compared = compare_reports(without, report, 0)
    assert not any(change.operators or change.modules for change in compared.changes)
    assert "has no operators in the report before: measure with --ops" in compared.warnings[0]


def test_other_protocols_and_cores_are_noted(measured: tuple[LatencyReport, Path]) -> None:
    report, _ = measured
    pinned = tuple(replace(found, affinity="little") for found in report.measurements[:1])
    hot = replace(report, protocol=sustained(30), measurements=pinned)
    one = replace(report, measurements=report.measurements[:1])
    assert compare_reports(one, hot, 0).warnings == (
        "the protocols differ: short (3 starts of 20 runs and 0 s) before, sustained (30 rounds) after",
        f"{one.measurements[0].name} ran on other cores: all before, little after",
    )


def test_instructions_of_two_files_are_compared_operator_by_operator(measured: tuple[LatencyReport, Path]) -> None:
    """A report with one file each: their names may differ."""

    def counted(label: str, total: int, *groups: GroupCount) -> LatencyReport:
        counts = OperatorCounts(total, 1_000_000, 0, groups, groups, (), (), "")
        one: Measurement = replace(
            measured[0].measurements[0],
            label=label,
            instructions=InstructionCounts(total, 0, 0, 0, 0),
            operators=None,
            operator_counts=counts,
        )
        return replace(measured[0], emulated=True, measurements=(one,))

    plain = counted("plain", 10_000_000, GroupCount("Conv", 5, 9_000_000, 90.0))
    gated = counted("gated", 14_000_000, GroupCount("Conv", 6, 9_500_000, 68.0), GroupCount("Mul", 2, 3_500_000, 25.0))
    compared = compare_reports(plain, gated, 50)
    assert compared.passed
    assert compared.warnings == ("two files are compared: plain before, gated after",)
    (change,) = compared.changes
    assert (change.before, change.after) == (10.0, 14.0)
    assert change.operators == (
        PartChange("Mul", 0.0, 0, 3.5, 2),
        PartChange("Conv", 9.0, 5, 9.5, 6),
        PartChange(OUTSIDE, 1.0, 0, 1.0, 0),
    )
    assert sum(part.after for part in change.operators) == change.after
