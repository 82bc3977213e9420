"""``profile()``: several files on one device, interleaved in random order over several process starts."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import cast

from ca_deploy.delivery.scratch import temporary
from ca_deploy.devices import CountingDevice, Device
from ca_deploy.errors import DeviceError, UsageError
from ca_deploy.files import sha256_of
from ca_deploy.graphs import check_valid
from ca_deploy.graphs.input_shapes import Shape, closed, declared, given_by_place
from ca_deploy.graphs.signatures import signatures_of
from ca_deploy.latency.benchmark_binary import BenchmarkBinary
from ca_deploy.latency.cores import affinity_mask, check_threads, cores_of
from ca_deploy.latency.feeds import MADE_UP, feeds_for, write_case
from ca_deploy.latency.heat import heat_of, thinned
from ca_deploy.latency.jobs import Job, Run, Wishes
from ca_deploy.latency.launch import Launcher, launcher
from ca_deploy.latency.measurable import on_device, runtime_of
from ca_deploy.latency.protocol import sustained
from ca_deploy.latency.ranking import ranking
from ca_deploy.latency.runner_output import RunnerOutput
from ca_deploy.latency.statistics import ratio_of_medians, summarise
from ca_deploy.latency.validity import judge
from ca_deploy.latency.whole_file import whole
from ca_deploy.progress import Step, no_step
from ca_deploy.records.devices import Conditions, DeviceInfo
from ca_deploy.records.latency import SCHEMA_VERSION, Engine, LatencyReport, Measurement, MeasuringProtocol
from ca_deploy.records.statistics import Comparison
from ca_deploy.records.tensors import FedInput
from ca_deploy.runtimes import Runtime, open_session


def profile(files: Sequence[Path], device: Device, wishes: Wishes, step: Step = no_step) -> LatencyReport:
    """Measure files on a device.

    A file that does not run there, a lost device and Ctrl-C are recorded in ``failures`` of the report, which keeps
    everything measured before.

    Raises:
        UsageError, ArtifactError: files and options that contradict each other or the device.
        DeviceError, KeyboardInterrupt: the device failed, or Ctrl-C came, before anything was measured.
        RuntimeUnavailable: no file runs on the device.
    """
    files = list(dict.fromkeys(files))
    runtimes = {file: runtime_of(file, wishes.runtime) for file in files}
    for file in files:
        check_valid(file)
    shapes = _open_shapes(files, wishes)
    info = device.probe()
    mask = affinity_mask(wishes.affinity, info)
    for threads in wishes.threads:
        check_threads(threads, mask, info)
    refuse_for(device, wishes)
    if device.counts_instructions:
        cast(CountingDevice, device).prepare(step)
    launchers = {runtime: _launcher(device, info, runtime, wishes) for runtime in dict.fromkeys(runtimes.values())}
    if wishes.benchmark_binary is not None and len(launchers) > 1:
        raise UsageError(
            "--benchmark-binary is a program of one runtime: measure the files of different runtimes separately."
        )
    labels = _labels(files)
    jobs = [
        Job(file, labels[file], threads, launchers[runtimes[file]], signature, shapes[file, signature])
        for file in files
        for signature in functions_of(file)
        for threads in wishes.threads
    ]
    _refuse_one_answer_for_several(jobs, wishes)
    if wishes.minutes is not None:
        wishes = replace(wishes, protocol=sustained(wishes.minutes, len(jobs)))
    before, after = device.conditions(), None
    failures: dict[str, str] = {}
    errors: list[BaseException] = []
    try:
        with temporary() as scratch:
            step(f"pushing to {device.name}")
            parts = dict.fromkeys(path for found in launchers.values() for path in found.files)
            copies = {file: whole(file, scratch / f"whole-{number}") for number, file in enumerate(files)}
            pushed = device.push([*copies.values(), *parts])
            places = {**pushed, **{file: pushed[copy] for file, copy in copies.items()}}
            fed, origins = _push_inputs(device, jobs, wishes.inputs, scratch)
            run = Run(device, places, fed, mask, wishes, failures, errors, step)
            if device.counts_instructions:
                run.count(jobs)
            else:
                run.rounds(jobs)
            if wishes.operators:
                run.each(jobs, "operators of", run.operators)
            if wishes.verify:
                run.each(jobs, "verifying", run.verify)
            after = device.conditions()
    except (DeviceError, KeyboardInterrupt) as error:
        errors.append(error)
        failures[device.name] = str(error) or "interrupted"
    done = [(job, job.last) for job in jobs if job.done and job.last is not None]
    if not done:
        raise errors[0]
    measurements = tuple(
        _measurement(job, last, mask, before, after or before, wishes.protocol, origins.get(job.file, MADE_UP))
        for job, last in done
    )
    drawn = tuple(map(thinned, measurements)) if wishes.protocol.is_sustained else measurements
    return LatencyReport(
        schema_version=SCHEMA_VERSION,
        ca_deploy_version=version("ca-deploy"),
        command_line=wishes.command_line,
        measured_on=datetime.now(UTC).isoformat(timespec="seconds"),
        device=info,
        emulated=device.counts_instructions,
        protocol=wishes.protocol,
        seed=wishes.seed,
        before=before,
        after=after,
        measurements=measurements,
        comparisons=_comparisons(drawn, wishes.seed),
        failures=failures,
        ranking=ranking(drawn, wishes.seed),
        heat=heat_of(measurements, wishes.seed) if wishes.protocol.is_sustained else None,
    )


def refuse_for(device: Device, wishes: Wishes) -> None:
    """
    Raises:
        UsageError: an emulated device cannot measure this.
    """
    if device.counts_instructions and wishes.threads != (1,):
        raise UsageError("An emulated device counts instructions of one thread: leave out --threads.")
    if device.counts_instructions and wishes.minutes is not None:
        raise UsageError("An emulated device does not become hot: --protocol sustained is for real ones.")


def _launcher(device: Device, info: DeviceInfo, runtime: Runtime, wishes: Wishes) -> Launcher:
    binary = wishes.benchmark_binary
    if binary is None:
        return launcher(device, info, runtime.name, wishes.runner, wishes.bundle)
    if device.counts_instructions:
        raise UsageError("--benchmark-binary measures time, and an emulated device has none.")
    return BenchmarkBinary(on_device(runtime).benchmark, (binary,), sha256_of(binary))


def functions_of(file: Path) -> tuple[str | None, ...]:
    """What is measured of a file: each of several signatures, or None, its main graph.

    A key that is not UTF-8 cannot be named to a runner.
    """
    keys = signatures_of(file)
    return (None,) if not keys or any("\ufffd" in key for key in keys) else keys


def _open_shapes(files: Sequence[Path], wishes: Wishes) -> dict[tuple[Path, str | None], tuple[Shape, ...]]:
    """The shapes of the inputs of each file and signature that leaves any open; () for others.

    Raises:
        UsageError: a shape is neither given nor fixed, or given for no input of the files.
    """
    inputs = {(file, key): declared(file, key) for file in files for key in functions_of(file)}
    given = given_by_place(inputs, wishes.input_shapes)
    found: dict[tuple[Path, str | None], tuple[Shape, ...]] = {}
    for (file, key), each in inputs.items():
        is_open = any(one.is_open for one in each)
        needed = wishes.inputs is None and (is_open or given[file, key])
        shapes = closed(file, each, given[file, key]) if needed else ()
        found[file, key] = shapes if is_open else ()
    if wishes.benchmark_binary is not None and any(found.values()):
        raise UsageError(
            "--benchmark-binary feeds the shape that a file has, and these leave some open: leave it out, or export "
            "them for the size to measure."
        )
    return found


def _push_inputs(
    device: Device, jobs: Sequence[Job], samples: Path | None, scratch: Path
) -> tuple[dict[Path, list[str]], dict[Path, str]]:
    """Push the first sample (or batch) for each file; returns the places of its inputs, and what they are."""
    found: dict[Path, list[str]] = {}
    origins: dict[Path, str] = {}
    if samples is None:
        return found, origins
    for number, file in enumerate(dict.fromkeys(job.file for job in jobs)):
        feeds = feeds_for(file, open_session(file), samples, most=1)
        (case, *_) = feeds.cases
        paths = write_case(case, scratch, f"{number}_input")
        places = device.push(paths)
        found[file], origins[file] = [places[path] for path in paths], feeds.description
        for job in jobs:
            if job.file == file and any(one.is_open for one in declared(file, job.signature)):
                job.shapes = [value.shape for value in case]
    return found, origins


def _refuse_one_answer_for_several(jobs: Sequence[Job], wishes: Wishes) -> None:
    """Raise ``UsageError`` for what is there once per file, where a file has several signatures."""
    several = next((job for job in jobs if job.signature is not None), None)
    asked = {
        "--inputs": wishes.inputs is not None,
        "--verify": wishes.verify,
        "--benchmark-binary": wishes.benchmark_binary is not None,
    }
    for option, given in asked.items():
        if several is not None and given:
            raise UsageError(
                f"{option} takes a file for one function, and {several.file.name} has several signatures: measure it "
                f"without {option}."
            )


def _labels(files: Sequence[Path]) -> dict[Path, str]:
    """The name of each file, with as many folders before it as are needed to tell the files apart."""
    length = 1
    while len({file.parts[-length:] for file in files}) < len(files):
        length += 1
    return {file: Path(*file.parts[-length:]).as_posix() for file in files}


def _measurement(
    job: Job,
    last: RunnerOutput,
    mask: str | None,
    before: Conditions,
    after: Conditions,
    protocol: MeasuringProtocol,
    origin: str,
) -> Measurement:
    starts = tuple(job.starts)
    samples = [start.invoke_ns for start in starts]
    summary = last.summary
    reported = summary.n if summary else None
    during = [moment for start in starts for moment in start.conditions]
    return Measurement(
        file=str(job.file),
        label=job.label,
        sha256=sha256_of(job.file),
        size_bytes=job.file.stat().st_size,
        threads=job.threads,
        affinity=mask,
        inputs=tuple(FedInput(one.name, one.type, one.shape) for one in last.inputs),
        inputs_origin=origin,
        engine=Engine(
            job.launcher.runner,
            last.runtime,
            job.launcher.package_version or last.runtime_version,
            job.launcher.runner_sha256,
            job.launcher.library_sha256,
            last.delegate,
        ),
        starts=starts,
        statistics=summary or summarise([ns for start in samples for ns in start]) if starts else None,
        validity=judge(
            before, during, after, samples, cores_of(mask), reported, protocol.fewest_runs, protocol.is_sustained
        )
        if starts
        else None,
        instructions=job.instructions,
        operators=job.operators,
        operator_counts=job.operator_counts,
        verification=job.verification,
        signature=job.signature,
    )


def _comparisons(measurements: Sequence[Measurement], seed: int) -> tuple[Comparison, ...]:
    """Every timed measurement against the first."""
    timed = [found for found in measurements if any(found.samples_ns)]
    return tuple(
        Comparison(
            subject.name,
            timed[0].name,
            ratio_of_medians(subject.samples_ns, timed[0].samples_ns, paired=True, seed=seed),
        )
        for subject in timed[1:]
    )
