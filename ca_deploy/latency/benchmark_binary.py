"""The runtimes' own benchmark programs: TFLite's ``benchmark_model`` and ONNX Runtime's ``onnxruntime_perf_test``."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ca_deploy.delivery.scratch import temporary
from ca_deploy.devices import Device
from ca_deploy.errors import DeviceError, RuntimeUnavailable, UsageError, last_line
from ca_deploy.latency.launch import Request
from ca_deploy.latency.runner_output import OperatorSamples, RunnerOutput
from ca_deploy.records.devices import Completed
from ca_deploy.records.statistics import Statistics

_NUMBER = r"([\d.]+(?:e[+-]?\d+)?)"
_COUNT = re.compile(
    r"count=(\d+) .*?min=(\d+) max=(\d+) avg=" + _NUMBER + r" std=(\d+)(?: p5=\d+ median=(\d+) p95=(\d+))?"
)
_TIMINGS = re.compile(
    rf"Inference timings in us: Init: {_NUMBER}, First inference: {_NUMBER}, "
    rf"Warmup \(avg\): {_NUMBER}, Inference \(avg\): {_NUMBER}"
)
_DELEGATE = re.compile(
    r"Replacing (\d+) out of (\d+) node\(s\) with delegate \(TfLiteXNNPackDelegate\).*?(\d+) partitions"
)
_EXPLICIT = re.compile(r"Explicitly applied XNNPACK delegate, .*?(?:w/ (\d+) delegate kernels|completely executed)")


@dataclass(frozen=True, slots=True)
class BenchmarkBinary:
    """One of the two programs as a launcher; neither reports times per operator that could be attributed to modules."""

    runner: str
    files: tuple[Path, ...]
    runner_sha256: str | None
    library_sha256: str | None = None
    package_version: str | None = None

    def run(self, device: Device, places: Mapping[Path, str], request: Request) -> RunnerOutput:
        """Raises ``RuntimeUnavailable`` when the program fails or its output is not recognised."""
        program = places[self.files[0]]
        start = ["taskset", request.affinity.removeprefix("0x"), program] if request.affinity else [program]
        try:
            return _PROGRAMS[self.runner](device, start, request)
        except (ValueError, OverflowError, UsageError) as error:
            raise RuntimeUnavailable(f"{self.runner} on {device.name} printed figures that are no times.") from error

    def operators(self, device: Device, places: Mapping[Path, str], request: Request) -> tuple[OperatorSamples, ...]:
        raise UsageError(
            f"--ops needs ca-deploy's own runner and does not work with {self.runner}: leave one of them out."
        )


def read_benchmark_model(text: str) -> RunnerOutput:
    """Parse the output of ``benchmark_model``, any version since 2019: microseconds, without individual samples.

    Raises:
        RuntimeUnavailable: the lines with the timings are missing.
    """
    timings, counts = _TIMINGS.search(text), _COUNT.findall(text)
    if timings is None or not counts:
        raise RuntimeUnavailable("benchmark_model printed no `Inference timings in us`: is it TFLite's?")
    n, least, most, mean, std, median, p95 = counts[-1]
    return RunnerOutput(
        runtime="litert",
        runtime_version="unknown",
        load_ns=_us(timings[1]),
        first_ns=_us(timings[2]),
        warmup_ns=(),
        invoke_ns=(),
        start_ns=(),
        set_input_ns=(),
        get_output_ns=(),
        delegate=_delegate(text),
        inputs=(),
        outputs=(),
        peak_rss_kb=None,
        summary=Statistics(
            n=int(n),
            min_ms=float(least) / 1e3,
            median_ms=float(median) / 1e3 if median else None,
            mean_ms=float(mean) / 1e3,
            std_ms=float(std) / 1e3,
            p90_ms=None,
            p95_ms=float(p95) / 1e3 if p95 else None,
            p99_ms=None,
            max_ms=float(most) / 1e3,
        ),
    )


def read_perf_test(text: str, times_csv: str | None) -> RunnerOutput:
    """Parse the output of ``onnxruntime_perf_test`` and the CSV of individual times (model, seconds, …) that it wrote.

    Raises:
        RuntimeUnavailable: neither contains any times.
    """
    load = _value(text, r"Session creation time cost:\s*", "s")
    count = _value(text, r"Total (?:inference requests|iterations):\s*", "")
    mean = _value(text, r"Average (?:inference )?time cost[^:]*:\s*", "ms")
    seconds = [float(line.split(",")[1]) for line in (times_csv or "").splitlines() if line.count(",")]
    if not seconds and (count is None or mean is None):
        raise RuntimeUnavailable(
            "onnxruntime_perf_test printed no times. Is it ONNX Runtime's, version 1.10 or later (for its option -I)?"
        )
    latency = {name: _value(text, rf"{name} Latency(?: is|:)\s*", "s") for name in ("Min", "Max", "P50", "P90", "P95")}
    in_ms = {name: None if value is None else value * 1e3 for name, value in latency.items()}
    summary = None
    if not seconds:
        assert count is not None and mean is not None
        summary = Statistics(
            n=int(count),
            min_ms=in_ms["Min"],
            median_ms=in_ms["P50"],
            mean_ms=mean,
            std_ms=None,
            p90_ms=in_ms["P90"],
            p95_ms=in_ms["P95"],
            p99_ms=None,
            max_ms=in_ms["Max"],
        )
    return RunnerOutput(
        runtime="onnxruntime",
        runtime_version="unknown",
        load_ns=int((load or 0) * 1e9),
        first_ns=int((_value(text, r"First inference time cost:\s*", "ms") or 0) * 1e6),
        warmup_ns=(),
        invoke_ns=tuple(int(value * 1e9) for value in seconds),
        start_ns=(),
        set_input_ns=(),
        get_output_ns=(),
        delegate=None,
        inputs=(),
        outputs=(),
        peak_rss_kb=None,
        summary=summary,
    )


def _benchmark_model_flags(request: Request) -> list[str]:
    protocol = request.protocol
    return [
        f"--graph={request.model}",
        f"--num_threads={request.threads}",
        f"--warmup_runs={max(1, protocol.warmup_runs)}",
        f"--warmup_min_secs={protocol.warmup_seconds:g}",
        f"--num_runs={protocol.runs}",
        f"--min_secs={protocol.min_seconds:g}",
        f"--max_secs={protocol.max_seconds:g}",
        "--use_xnnpack=true",
    ]


def _perf_test_flags(request: Request) -> list[str]:
    """Generated inputs and a fixed number of runs: the program does not take runs and seconds together."""
    return ["-I", "-s", "-m", "times", "-r", str(request.protocol.runs), "-x", str(request.threads), "-y", "1"]


def _run_benchmark_model(device: Device, start: Sequence[str], request: Request) -> RunnerOutput:
    completed = device.run([*start, *_benchmark_model_flags(request)], request.timeout_s)
    return read_benchmark_model(_said(completed, request, device))


def _run_perf_test(device: Device, start: Sequence[str], request: Request) -> RunnerOutput:
    times = f"{device.scratch()}/times.csv"
    completed = device.run([*start, *_perf_test_flags(request), request.model, times], request.timeout_s)
    return read_perf_test(_said(completed, request, device), _pulled(device, times))


_PROGRAMS = {"benchmark_model": _run_benchmark_model, "onnxruntime_perf_test": _run_perf_test}


def _said(completed: Completed, request: Request, device: Device) -> str:
    text = "\n".join(part.decode(errors="replace") for part in (completed.stdout, completed.stderr))
    if completed.returncode:
        model, said = request.model.rpartition("/")[2], last_line(text) or "nothing"
        raise RuntimeUnavailable(
            f"{model} on {device.name}: the benchmark failed ({completed.returncode}). It said: {said}"
        )
    return text


def _pulled(device: Device, remote: str) -> str | None:
    """The CSV of individual times; some builds do not write it."""
    with temporary() as folder:
        local = folder / "times.csv"
        try:
            device.pull(remote, local)
        except DeviceError:
            return None
        return local.read_text(errors="replace")


def _delegate(text: str) -> str | None:
    if found := _DELEGATE.search(text):
        return f"XNNPACK: {found[3]} partition{'' if found[3] == '1' else 's'}, {found[1]} of {found[2]} nodes"
    if found := _EXPLICIT.search(text):
        return f"XNNPACK: {found[1]} partitions" if found[1] else "XNNPACK: 1 partition"
    return None


def _value(text: str, label: str, unit: str) -> float | None:
    found = re.search(rf"{label}{_NUMBER}\s*{unit}", text)
    return float(found[1]) if found else None


def _us(text: str) -> int:
    return int(float(text) * 1e3)
