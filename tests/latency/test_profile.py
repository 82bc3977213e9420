"""Measuring: real runtimes on this machine; a stand-in for the device only where it has to fail."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ca_deploy.devices import open_device
from ca_deploy.errors import RuntimeUnavailable, UsageError
from ca_deploy.latency.jobs import Wishes
from ca_deploy.latency.profile import profile
from ca_deploy.records.devices import Completed
from ca_deploy.records.latency import LatencyReport, Measurement, MeasuringProtocol
from tests.latency.kit import PYTHON, SHORT
from tests.latency.stand_in import StandIn


def by_suffix(report: LatencyReport) -> dict[str, Measurement]:
    return {Path(found.file).suffix: found for found in report.measurements}


def test_every_phase_of_every_process_is_kept(measured: tuple[LatencyReport, Path]) -> None:
    report, _ = measured
    assert not report.failures
    for found in report.measurements:
        assert len(found.starts) == 3
        assert found.statistics is not None
        assert found.statistics.n == 60
        for start in found.starts:
            assert start.load_ns > 0
            assert start.first_ns > 0
            assert len(start.invoke_ns) == len(start.start_ns) == 20
            assert len(start.warmup_ns) >= 2
        assert found.statistics.min_ms == min(ns for start in found.samples_ns for ns in start) / 1e6
        assert len(found.sha256) == len(found.engine.runner_sha256 or "") == 64
    tflite = by_suffix(report)[".tflite"]
    assert tflite.engine.delegate is not None
    assert "XNNPACK: 1 partition" in tflite.engine.delegate


def test_files_take_turns_in_random_order(files: tuple[Path, Path], tmp_path: Path) -> None:
    names = ("load_ns", "first_ns", "warmup_ns", "invoke_ns", "start_ns", "set_input_ns", "get_output_ns")
    said: dict[str, object] = {name: 5 if name in names[:2] else [5] for name in names}
    said |= {"runtime": "r", "runtime_version": "1", "delegate": None, "inputs": [], "outputs": [], "peak_rss_kb": 1}
    answers = dict.fromkeys(range(1, 13), Completed(0, json.dumps(said).encode(), b""))

    def order(seed: int) -> list[str]:
        device = StandIn(tmp_path, answers=answers)
        profile(files, device, replace(PYTHON, protocol=replace(SHORT, starts=6), seed=seed))
        return device.ran

    first = order(1)
    assert [sorted(first[i : i + 2]) for i in range(0, 12, 2)] == [["small.onnx", "small.tflite"]] * 6
    assert len({tuple(first[i : i + 2]) for i in range(0, 12, 2)}) == 2
    assert order(1) == first


def test_conditions_are_seen_while_it_runs(files: tuple[Path, Path], tmp_path: Path) -> None:
    patient = MeasuringProtocol("patient", 1, 0, 0, 50, 1.5, 5)
    report = profile(files[:1], StandIn(tmp_path), replace(PYTHON, protocol=patient))
    (start,) = report.measurements[0].starts
    assert len(start.conditions) >= 1
    assert report.after is not None
    before, between, after = (seen.temperature_c for seen in (report.before, start.conditions[0], report.after))
    assert before is not None and between is not None and after is not None
    assert before < between < after
    assert report.measurements[0].validity is not None
    assert report.measurements[0].validity.verdict == "valid"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Completed(137, b"", b""), "out of memory"),
        (Completed(132, b"", b""), "instruction that this processor does not have"),
        (Completed(0, b'{"schema":1,"invoke_ns":[1,2', b""), "cut off"),
        (Completed(1, b'{"error":"no such operator: CUSTOM"}\n', b""), "no such operator"),
        (Completed(3, b"", b"libfoo.so: cannot open"), "exit code 3. It said: libfoo.so"),
        (Completed(0, b'{"schema":9,"invoke_ns":[1]}\n', b""), "does not know"),
    ],
)
def test_a_runner_that_fails_costs_only_its_own_file(
    files: tuple[Path, Path], tmp_path: Path, answer: Completed, said: str
) -> None:
    device = StandIn(tmp_path, answers={1: answer})
    report = profile(files, device, replace(PYTHON, protocol=replace(SHORT, runs=2)))
    (failed,) = report.failures
    assert said in report.failures[failed]
    assert len(report.measurements) == 1
    assert device.ran.count(Path(failed).name) == 1


def test_nothing_that_runs_is_an_error(tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"not a model")
    with pytest.raises(RuntimeUnavailable, match=r"broken\.onnx does not run on local"), open_device("local") as device:
        profile([broken], device, Wishes(protocol=SHORT))


@pytest.mark.parametrize(
    ("wishes", "said"),
    [
        (replace(PYTHON, threads=(3,)), "more than the 2 cores"),
        (replace(PYTHON, threads=(1, 2), affinity="big"), "more than the 1 core of --affinity 0x2"),
        (replace(PYTHON, affinity="0x8"), "the cores 0 to 1"),
        (replace(PYTHON, affinity="huge"), "has to be big, little"),
        (replace(PYTHON, runtime="onnxruntime"), "does not run small.tflite"),
    ],
)
def test_wishes_that_the_device_cannot_fulfil(
    files: tuple[Path, Path], tmp_path: Path, wishes: Wishes, said: str
) -> None:
    device = StandIn(tmp_path)
    with pytest.raises(UsageError, match=said):
        profile(files[:1], device, wishes)
    assert not device.ran


def test_files_of_one_name_are_told_apart(files: tuple[Path, Path], tmp_path: Path) -> None:
    again = tmp_path / "again" / files[0].name
    again.parent.mkdir()
    again.write_bytes(files[0].read_bytes())
    quick = MeasuringProtocol("quick", 1, 0, 0, 5, 0, 1)
    report = profile([files[0], again, files[0]], StandIn(tmp_path), replace(PYTHON, protocol=quick))
    labels = [found.label for found in report.measurements]
    assert labels == [f"{files[0].parent.name}/small.tflite", "again/small.tflite"]
    assert report.comparisons[0].subject == "again/small.tflite, 1 thread"


def test_big_and_little_cores(files: tuple[Path, Path], tmp_path: Path) -> None:
    quick = MeasuringProtocol("quick", 1, 0, 0, 1, 0, 1)
    for wanted, mask in (("little", "0x1"), ("big", "0x2"), ("0x3", "0x3")):
        report = profile(files[:1], StandIn(tmp_path), replace(PYTHON, protocol=quick, affinity=wanted))
        assert report.measurements[0].affinity == mask
