"""The official benchmark programs: their output as users recorded it (sources beside each), and a run of one."""

from pathlib import Path

import pytest

from ca_deploy.devices import open_device
from ca_deploy.errors import RuntimeUnavailable
from ca_deploy.latency import session
from ca_deploy.latency.benchmark_binary import read_benchmark_model, read_perf_test
from ca_deploy.latency.profile import profile
from ca_deploy.records.codec import to_json
from ca_deploy.records.latency import LatencyReport, read_report

# github.com/tensorflow/tensorflow/issues/42507 (2020)
OLD = """Loaded model /data/local/tmp/espcn_harmonic_2x_slim_w_cl.tflite
The input model file size (MB): 0.004448
Initialized session in 0.855ms.
Running benchmark for at least 1 iterations and at least 0.5 seconds but terminate if exceeding 150 seconds.
count=15 first=49060 curr=33682 min=32825 max=49060 avg=34825.1 std=3930

Running benchmark for at least 50 iterations and at least 1 seconds but terminate if exceeding 150 seconds.
count=50 first=32891 curr=33978 min=32641 max=34005 avg=33209.4 std=450

Inference timings in us: Init: 855, First inference: 49060, Warmup (avg): 34825.1, Inference (avg): 33209.4
"""
# A log of android_aarch64_benchmark_model on a phone, found on github.com (2025)
NEW = """INFO: Created TensorFlow Lite XNNPACK delegate for CPU.
VERBOSE: Replacing 2136 out of 2168 node(s) with delegate (TfLiteXNNPackDelegate) node, yielding 65 partitions for \
subgraph 0.
INFO: Initialized session in 143.669ms.
INFO: count=50 first=72635 curr=42240 min=42134 max=72635 avg=43536.2 std=4813 p5=42168 median=42430 p95=49447

INFO: Running benchmark for at least 5 iterations and at least 1 seconds but terminate if exceeding 150 seconds.
INFO: count=24 first=42142 curr=42232 min=42142 max=42763 avg=42435.4 std=147 p5=42232 median=42405 p95=42729

INFO: Inference timings in us: Init: 143669, First inference: 72635, Warmup (avg): 43536.2, Inference (avg): 42435.4
"""
# A log of an AM62x board in its vendor's documentation: averages in exponents
EXPONENTS = """INFO: count=1 curr=1357602 p5=1357602 median=1357602 p95=1357602

INFO: count=50 first=1249964 curr=1240143 min=1238588 max=1252566 avg=1.24027e+06 std=2565 p5=1238753 median=1239807 \
p95=1247415

INFO: Inference timings in us: Init: 5579, First inference: 1357602, Warmup (avg): 1.3576e+06, \
Inference (avg): 1.24027e+06
"""
# github.com/ARM-software/ComputeLibrary/issues/850 (ONNX Runtime 1.3.1, on a phone)
PERF_TEST = """Session creation time cost: 0.06094 s
Total inference time cost: 0.843236 s
Total inference requests: 10
Average inference time cost: 84.3236 ms
Total inference run time: 0.843571 s
"""
# github.com/microsoft/onnxruntime/issues/17313
WITH_PERCENTILES = """Total time cost: 58.8053
Total iterations: 1000
Average time cost: 58.8053 ms
Total run time: 58.8102 s
Min Latency is 0.0559777 sec
Max Latency is 0.0623472 sec
P50 Latency is 0.0587108 sec
P90 Latency is 0.0599845 sec
P95 Latency is 0.0605676 sec
P99 Latency is 0.0619517 sec
"""


def test_benchmark_model_of_several_years() -> None:
    old = read_benchmark_model(OLD)
    assert old.summary is not None
    assert (old.load_ns, old.first_ns, old.delegate) == (855_000, 49_060_000, None)
    assert (old.summary.n, old.summary.mean_ms, old.summary.median_ms) == (50, 33.2094, None)
    new = read_benchmark_model(NEW)
    assert new.summary is not None
    assert new.delegate == "XNNPACK: 65 partitions, 2136 of 2168 nodes"
    assert (new.summary.n, new.summary.median_ms, new.summary.p95_ms, new.summary.max_ms) == (
        24,
        42.405,
        42.729,
        42.763,
    )
    slow = read_benchmark_model(EXPONENTS).summary
    assert slow is not None
    assert (slow.n, slow.mean_ms, slow.median_ms) == (50, 1240.27, 1239.807)


def test_perf_test_with_and_without_single_times() -> None:
    plain = read_perf_test(PERF_TEST, None)
    assert plain.summary is not None
    assert (plain.load_ns, plain.summary.n, plain.summary.mean_ms) == (60_940_000, 10, 84.3236)
    detailed = read_perf_test(WITH_PERCENTILES, None).summary
    assert detailed is not None
    assert detailed.n == 1000
    assert (detailed.median_ms, detailed.p90_ms) == pytest.approx((58.7108, 59.9845))
    sampled = read_perf_test(PERF_TEST, "squeezenet,0.0841,158171136,68,0\nsqueezenet,0.0845,158171136,68,1\n")
    assert sampled.summary is None
    assert sampled.invoke_ns == (84_100_000, 84_500_000)


def test_another_program_is_refused() -> None:
    with pytest.raises(RuntimeUnavailable, match="Inference timings"):
        read_benchmark_model("hello\n")
    with pytest.raises(RuntimeUnavailable, match="printed no times"):
        read_perf_test("hello\n", None)


def script(folder: Path, text: str) -> Path:
    path = folder / "benchmark"
    path.write_text(f"#!/bin/sh\necho \"$@\" > '{folder}/flags'\ncat <<'END'\n{text}\nEND\n")
    path.chmod(0o755)
    return path


def test_an_official_benchmark_program(files: tuple[Path, Path], tmp_path: Path) -> None:
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
