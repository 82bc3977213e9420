"""From options to a report on disk: checks the options, opens the device, delivers the results."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

from ca_deploy.delivery import staging, write_together
from ca_deploy.devices import open_device
from ca_deploy.errors import ArtifactError, DeviceError, OutputError, ReportNotSaved, UsageError, unknown_name
from ca_deploy.files import other_kind
from ca_deploy.graphs.input_shapes import given_shapes
from ca_deploy.latency.jobs import Wishes
from ca_deploy.latency.launch import RunnerKind
from ca_deploy.latency.measurable import measurable_runtimes
from ca_deploy.latency.plot import plot
from ca_deploy.latency.profile import profile
from ca_deploy.latency.protocol import MINUTES, PROTOCOLS, SUSTAINED, custom, sustained
from ca_deploy.progress import Step, no_step
from ca_deploy.records.codec import to_json
from ca_deploy.records.latency import LatencyReport, MeasuringProtocol

REPORT_FILE = "latency.json"


def wishes(
    *,
    runtime: str | None = None,
    threads: str = "1",
    affinity: str | None = None,
    protocol: str | None = None,
    minutes: int | None = None,
    runs: int | None = None,
    min_seconds: float | None = None,
    starts: int | None = None,
    seed: int = 0,
    runner: str = "auto",
    benchmark_binary: Path | None = None,
    bundle: Path | None = None,
    operators: bool = False,
    verify: bool = False,
    inputs: Path | None = None,
    input_shape: Sequence[str] = (),
    output: Path | None = None,
    command_line: tuple[str, ...] = (),
) -> Wishes:
    """Options as typed -> what to measure.

    Raises:
        UsageError: unknown names, or options that contradict each other.
        ArtifactError: the file of --bundle, --benchmark-binary or --inputs does not exist.
    """
    if runtime is not None and runtime not in measurable_runtimes():
        raise unknown_name("runtime on devices", runtime, measurable_runtimes())
    if runner not in get_args(RunnerKind):
        raise unknown_name("runner", runner, get_args(RunnerKind))
    for flag, path in (("--bundle", bundle), ("--benchmark-binary", benchmark_binary), ("--inputs", inputs)):
        if path is not None and (kind := other_kind(path)):
            raise ArtifactError(f"{flag} {path} {kind}.")
    if benchmark_binary is not None and (runner != "auto" or operators or verify or inputs):
        raise UsageError("--benchmark-binary replaces the runner: leave out --runner, --ops, --verify and --inputs.")
    if inputs is not None and input_shape:
        raise UsageError("--inputs has arrays, which have shapes: leave out --input-shape.")
    chosen = _protocol(protocol, runs, min_seconds, starts)
    if minutes is not None and not chosen.is_sustained:
        raise UsageError("--minutes are those of lasting load: pass --protocol sustained too.")
    if minutes is not None and minutes < 2:
        raise UsageError("--minutes is 2 or more: the first is compared with the last.")
    if chosen.is_sustained and benchmark_binary is not None:
        raise UsageError("--benchmark-binary keeps no samples, which --protocol sustained needs: leave it out.")
    return Wishes(
        runtime=runtime,
        threads=_thread_counts(threads),
        affinity=affinity,
        # Without samples, which a benchmark program does not keep, several process starts cannot be combined.
        protocol=replace(chosen, starts=1) if benchmark_binary else chosen,
        minutes=(minutes or MINUTES) if chosen.is_sustained else None,
        runner=runner,  # type: ignore[arg-type]
        benchmark_binary=benchmark_binary,
        bundle=bundle,
        operators=operators,
        verify=verify,
        inputs=inputs,
        input_shapes=given_shapes(input_shape),
        output=output,
        seed=seed,
        command_line=command_line,
    )


def profile_on(
    device_name: str,
    files: Sequence[Path],
    wanted: Wishes,
    keep: bool = False,
    step: Step = no_step,
) -> LatencyReport:
    """Open the device, measure, and write report and plot to ``wanted.output`` if it is given.

    Raises:
        CaDeployError: see :func:`ca_deploy.latency.profile.profile`; ``OutputError`` for the folder.
    """
    report: LatencyReport | None = None
    if wanted.output is not None:
        with staging(wanted.output):  # a folder that cannot be written fails before minutes of measuring
            pass
    try:
        with open_device(device_name, keep) as device:
            report = profile(files, device, wanted, step)
    except DeviceError:
        if report is None:  # otherwise only the cleanup failed, on a device whose loss the report records
            raise
    if wanted.output is not None:
        deliver_report(report, wanted.output)
    return report


def deliver_report(report: LatencyReport, output: Path) -> None:
    """Write ``latency.json``, and the plot as ``latency.svg`` and ``latency.png``, into a folder.

    Raises:
        ReportNotSaved: not all of them can be written; what is small enough for the disk is there.
    """
    pictures = {Path(REPORT_FILE).with_suffix(f".{suffix}").name: picture for suffix, picture in plot(report).items()}
    contents = {REPORT_FILE: to_json(report).encode(), **pictures}
    try:
        write_together(output, contents)
    except OutputError as error:
        saved = [
            name for name in sorted(contents, key=lambda name: len(contents[name])) if _fits(output, name, contents)
        ]
        kept = f"Saved were {', '.join(saved)}." if saved else "Nothing was saved."
        raise ReportNotSaved(f"{str(error).partition(';')[0]}. {kept} Print all of it with --json.", report) from error


def _fits(output: Path, name: str, contents: Mapping[str, bytes]) -> bool:
    try:
        write_together(output, {name: contents[name]})
    except OutputError:
        return False
    return True


def _thread_counts(text: str) -> tuple[int, ...]:
    try:
        counts = tuple(dict.fromkeys(int(part) for part in text.split(",")))
    except ValueError:
        counts = ()
    if not counts or min(counts) < 1:
        raise UsageError(f"--threads {text!r} is not a number of 1 or more, or several separated by commas: 1,2,4.")
    return counts


def _protocol(name: str | None, runs: int | None, min_seconds: float | None, starts: int | None) -> MeasuringProtocol:
    if name is None:
        return custom(runs, min_seconds, starts)
    if name not in (*PROTOCOLS, SUSTAINED):
        raise unknown_name("protocol", name, (*PROTOCOLS, SUSTAINED))
    if any(value is not None for value in (runs, min_seconds, starts)):
        raise UsageError(
            f"--protocol {name} sets the number of runs: it contradicts --runs, --min-seconds and --starts."
        )
    return sustained(MINUTES) if name == SUSTAINED else PROTOCOLS[name]
