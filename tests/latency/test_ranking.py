"""Which file is the fastest, and which cannot be told apart."""

from dataclasses import replace
from pathlib import Path

import pytest

from ca_deploy.latency.ranking import ranking
from ca_deploy.latency.statistics import summarise
from ca_deploy.records.devices import InstructionCounts
from ca_deploy.records.latency import LatencyReport, Measurement
from tests.latency.test_statistics import times


@pytest.fixture
def one(measured: tuple[LatencyReport, Path]) -> Measurement:
    return measured[0].measurements[0]


def _timed(one: Measurement, label: str, median_ms: float, seed: int) -> Measurement:
    samples = times(median_ms, starts=len(one.starts), seed=seed)
    starts = tuple(replace(start, invoke_ns=tuple(ns)) for start, ns in zip(one.starts, samples, strict=True))
    everything = [ns for start in samples for ns in start]
    return replace(one, label=label, starts=starts, statistics=summarise(everything))


def test_from_best_to_worst_whatever_the_order_of_the_files(one: Measurement) -> None:
    found = ranking(
        [_timed(one, name, ms, seed) for seed, (name, ms) in enumerate({"b": 20, "c": 40, "a": 10}.items())], 0
    )
    assert [(rank.measurement, rank.rank) for rank in found] == [
        ("a, 1 thread", 1), ("b, 1 thread", 2), ("c, 1 thread", 3)
    ]  # fmt: skip
    assert (found[0].ratio, found[0].low, found[0].high) == (1, 1, 1)
    for rank, ratio in zip(found[1:], (2, 4), strict=True):
        assert rank.low is not None and rank.high is not None
        assert rank.low < ratio < rank.high < 1.2 * ratio


def test_files_that_cannot_be_told_apart_share_a_rank_and_use_up_the_next(one: Measurement) -> None:
    def ranks(**median_ms: float) -> list[int]:
        return [
            rank.rank for rank in ranking([_timed(one, n, ms, s) for s, (n, ms) in enumerate(median_ms.items())], 0)
        ]

    assert ranks(a=10, b=10, c=20) == [1, 1, 3]
    assert ranks(a=10, b=20, c=20.02) == [1, 2, 2]


def test_counts_are_exact(one: Measurement) -> None:
    def counted(label: str, total: int) -> Measurement:
        counts = InstructionCounts(total, 0, 0, 0, 0)
        return replace(one, label=label, starts=(), statistics=None, validity=None, instructions=counts)

    found = ranking([counted("b", 1001), counted("a", 1000), counted("c", 1001)], 0)
    assert [(rank.measurement[0], rank.rank, rank.ratio) for rank in found] == [
        ("a", 1, 1),
        ("b", 2, 1.001),
        ("c", 2, 1.001),
    ]
    assert all(rank.low is rank.high is None for rank in found)


def test_a_single_file_and_figures_without_samples_are_not_ranked(one: Measurement) -> None:
    bare = replace(one, starts=tuple(replace(start, invoke_ns=()) for start in one.starts))
    assert ranking([one], 0) == ranking([bare, bare], 0) == ranking([one, bare], 0) == ranking([], 0) == ()


def test_a_report_is_ranked(measured: tuple[LatencyReport, Path]) -> None:
    report, _ = measured
    assert {rank.measurement for rank in report.ranking} == {found.name for found in report.measurements}
