"""Measuring: real runtimes on this machine; a stand-in for the device only where it has to fail."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import onnx
import pytest

from ca_deploy.devices import open_device
from ca_deploy.errors import ArtifactError, CaDeployError, DeviceError, RuntimeUnavailable, UsageError
from ca_deploy.latency import session
from ca_deploy.latency.jobs import Wishes
from ca_deploy.latency.operators import profile_operators
from ca_deploy.latency.plot import plot
from ca_deploy.latency.profile import profile
from ca_deploy.latency.protocol import MeasuringProtocol
from ca_deploy.latency.regression import compare_reports
from ca_deploy.latency.report import LatencyReport, Measurement, read_report
from ca_deploy.latency.runner_output import OperatorSamples, RunnerOutput, TensorOnDevice
from ca_deploy.latency.session import profile_on
from ca_deploy.latency.verify import judge, verify
from ca_deploy.records.codec import to_json
from ca_deploy.records.devices import Completed
from tests.latency.models import onnx_file, tflite_file
from tests.latency.stand_in import StandIn

SHORT = MeasuringProtocol("short", 3, 2, 0, 20, 0, 5)
PYTHON = Wishes(protocol=SHORT, runner="python")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("models")
    # Large enough for operators that take microseconds, in which profilers count.
    return tflite_file(folder / "small.tflite", side=128), onnx_file(folder / "small.onnx", side=128)


@pytest.fixture(scope="module")
def measured(files: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[LatencyReport, Path]:
    """Both files on this machine, with all that can be asked for, written to a folder."""
    output = tmp_path_factory.mktemp("report")
    wishes = Wishes(protocol=SHORT, operators=True, verify=True, output=output, command_line=("ca-deploy", "profile"))
    return profile_on("local", files, wishes), output


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


def test_operators_lead_back_to_modules(measured: tuple[LatencyReport, Path]) -> None:
    for found in measured[0].measurements:
        operators = found.operators
        assert operators is not None
        assert operators.attention_percent is not None
        assert "features.1.attention" in [row.name for row in operators.by_module]
        assert sum(row.percent for row in operators.by_operator) == pytest.approx(100)
        assert sum(row.median_ms for row in operators.by_module) == pytest.approx(operators.total_ms)


def test_the_same_machine_gives_the_same_outputs(measured: tuple[LatencyReport, Path]) -> None:
    for found in measured[0].measurements:
        assert found.verification is not None
        assert found.verification.status == "pass"
    assert {path.suffix for path in measured[1].iterdir()} == {".json", ".svg", ".png", ".npz"}


def test_a_report_comes_back_from_its_file(measured: tuple[LatencyReport, Path], tmp_path: Path) -> None:
    report, output = measured
    path = output / session.REPORT_FILE
    assert to_json(read_report(path)) == to_json(report) == path.read_text()
    assert plot(read_report(path)) == plot(report)
    newer = {**json.loads(path.read_text()), "schema_version": 2}
    for name, content in {"newer": json.dumps(newer), "cut": path.read_text()[:500], "list": "[]"}.items():
        (tmp_path / name).write_text(content)
        with pytest.raises(ArtifactError, match=name):
            read_report(tmp_path / name)


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
    ("ending", "said"), [(DeviceError("the phone is gone"), "the phone is gone"), (KeyboardInterrupt(), "interrupted")]
)
def test_a_device_that_vanishes_or_ctrl_c_leaves_what_was_measured(
    files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: BaseException, said: str
) -> None:
    monkeypatch.setattr(session, "open_device", lambda name, keep: StandIn(tmp_path, ends_at=4, ending=ending))
    report = profile_on("local", files, replace(PYTHON, output=tmp_path / "out"))
    assert report.failures == {"local": said}
    assert sum(len(found.starts) for found in report.measurements) == 3
    assert read_report(tmp_path / "out" / session.REPORT_FILE).failures == report.failures
    with pytest.raises(type(ending)) as raised:
        profile(files, StandIn(tmp_path, ends_at=1, ending=ending), PYTHON)
    assert raised.value is ending


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


def test_a_file_that_is_not_its_manifests_keeps_its_times(files: tuple[Path, Path], tmp_path: Path) -> None:
    copy = tmp_path / "copy.onnx"
    copy.write_bytes(files[1].read_bytes())
    copy.with_suffix(".json").write_text('{"schema_version": 99}')
    quick = MeasuringProtocol("quick", 1, 0, 0, 5, 0, 1)
    report = profile([copy], StandIn(tmp_path), replace(PYTHON, protocol=quick, verify=True))
    assert "schema version 99" in report.failures[str(copy)]
    assert report.measurements[0].statistics is not None
    assert report.measurements[0].verification is None


def test_different_outputs_fail() -> None:
    here, there = [[np.array([1.0, 2.0])]], [[np.array([1.0, 2.002])]]
    assert judge(here, here, None, "", "").status == "pass"
    assert judge(here, there, None, "", "").status == "fail"
    assert judge(here, there, 60, "", "").status == "pass"
    assert judge(here, there, 80, "", "").status == "fail"
    assert judge(here, [[np.array([1.0, np.nan])]], 20, "", "").status == "fail"


def test_nothing_that_runs_is_an_error(tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"not a model")
    with pytest.raises(RuntimeUnavailable, match=r"broken\.onnx does not run on local"), open_device("local") as device:
        profile([broken], device, Wishes(protocol=SHORT))


@pytest.mark.parametrize(
    ("wishes", "said"),
    [
        (replace(PYTHON, threads=(3,)), "more than the 2 cores"),
        (replace(PYTHON, threads=(1, 2), affinity="big"), "more than the 1 cores"),
        (replace(PYTHON, affinity="0x8"), "2 cores"),
        (replace(PYTHON, affinity="huge"), "none of big, little"),
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
    with pytest.raises(UsageError, match="instructions"):
        compare_reports(report, replace(report, emulated=True), 5)


def test_an_official_benchmark_program(files: tuple[Path, Path], tmp_path: Path) -> None:
    from tests.latency.test_benchmark_binary import NEW, script

    binary = script(tmp_path, NEW)
    wishes = session.wishes(benchmark_binary=binary, threads="2")
    with open_device("local") as device:
        report = profile(files[:1], device, wishes)
    (found,) = report.measurements
    assert (found.engine.runner, found.statistics and found.statistics.median_ms) == ("benchmark_model", 42.405)
    assert found.validity is not None
    assert found.validity.verdict == "invalid"  # 24 runs
    assert "--num_threads=2" in (tmp_path / "flags").read_text()
    assert to_json(read_back(report, tmp_path)) == to_json(report)


def read_back(report: LatencyReport, folder: Path) -> LatencyReport:
    session.deliver_report(report, folder)
    return read_report(folder / session.REPORT_FILE)


def test_flags_that_contradict_each_other() -> None:
    contradictions: list[Callable[[], Wishes]] = [
        lambda: session.wishes(protocol="quick", runs=5),
        lambda: session.wishes(protocol="fast"),
        lambda: session.wishes(threads="1,x"),
        lambda: session.wishes(threads="0"),
        lambda: session.wishes(runner="rust"),
        lambda: session.wishes(runtime="tensorrt"),
        lambda: session.wishes(benchmark_binary=Path(__file__), operators=True),
        lambda: session.wishes(benchmark_binary=Path("/no/such/program")),
        lambda: session.wishes(min_seconds=1000.0),
    ]
    for contradiction in contradictions:
        with pytest.raises(CaDeployError):
            contradiction()


def test_operators_faster_than_the_profilers_clock_have_no_share(files: tuple[Path, Path]) -> None:
    found = profile_operators(files[1], [OperatorSamples("features.1.attention/Mul", "Mul", (0, 0, 0))], "a profiler")
    assert (found.total_ms, found.attention_percent) == (0, 0)
    assert [row.percent for row in found.by_operator] == [0]


def test_a_device_that_adds_otherwise_is_told_the_option(tmp_path: Path) -> None:
    """As x86 without VNNI under onnxruntime's default settings: its answers to an INT8 file are others."""
    from tests.runtimes.test_exact_sums import MODELS, model

    onnx.save(model(MODELS["S8 activations"][0]), tmp_path / "model.onnx")
    said = Mock(outputs=(TensorOnDevice("y", "float32", (4, 8)),))

    def run_there(inputs: object, folder: Path) -> tuple[RunnerOutput, list[Path]]:
        (folder / "answer.bin").write_bytes(np.ones((4, 8), np.float32).tobytes())
        return said, [folder / "answer.bin"]

    found = verify(tmp_path / "model.onnx", run_there)
    assert found.status == "fail"
    assert "x86 and no VNNI needs the option session.qdqisint8allowed = 1" in found.reason
