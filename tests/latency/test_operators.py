"""Time by operator and by module."""

from pathlib import Path

import pytest

from ca_deploy.latency.operators import profile_operators
from ca_deploy.latency.runner_output import OperatorSamples
from ca_deploy.records.latency import LatencyReport


def test_operators_lead_back_to_modules(measured: tuple[LatencyReport, Path]) -> None:
    for found in measured[0].measurements:
        operators = found.operators
        assert operators is not None
        assert operators.attention_percent is not None
        assert "features.1.attention" in [row.name for row in operators.by_module]
        assert sum(row.percent for row in operators.by_operator) == pytest.approx(100)
        assert sum(row.median_ms for row in operators.by_module) == pytest.approx(operators.total_ms)


def test_operators_faster_than_the_profilers_clock_have_no_share(files: tuple[Path, Path]) -> None:
    found = profile_operators(files[1], [OperatorSamples("features.1.attention/Mul", "Mul", (0, 0, 0))], "a profiler")
    assert (found.total_ms, found.attention_percent) == (0, 0)
    assert [row.percent for row in found.by_operator] == [0]
