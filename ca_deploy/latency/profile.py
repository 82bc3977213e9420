"""``profile()``: several files on one device, interleaved in random order over several process starts."""

import tempfile
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import cast

from ca_deploy.devices import CountingDevice, Device
from ca_deploy.errors import ArtifactError, DeviceError, UsageError
from ca_deploy.files import sha256_of
from ca_deploy.latency.benchmark_binary import BenchmarkBinary
from ca_deploy.latency.cores import affinity_mask, check_threads, cores_of
from ca_deploy.latency.feeds import feeds_for, refuse_open_sides, write_case
from ca_deploy.latency.jobs import Job, Run, Wishes
from ca_deploy.latency.launch import Launcher, launcher
from ca_deploy.latency.measurable import on_device, runtime_of
from ca_deploy.latency.ranking import ranking
from ca_deploy.latency.runner_output import RunnerOutput
from ca_deploy.latency.signatures import signatures_of
from ca_deploy.latency.statistics import ratio_of_medians, summarise
from ca_deploy.latency.validity import judge
from ca_deploy.latency.whole_file import whole
from ca_deploy.progress import Step, no_step
from ca_deploy.records.devices import Conditions, DeviceInfo
from ca_deploy.records.latency import SCHEMA_VERSION, Engine, LatencyReport, Measurement
from ca_deploy.records.manifest import manifest_of
from ca_deploy.records.statistics import Comparison
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
        with suppress(ArtifactError):  # of a damaged manifest; without it the file can be timed all the same
            if (manifest := manifest_of(file)) is not None:
                refuse_open_sides(file, manifest.inputs)
    info = device.probe()
    mask = affinity_mask(wishes.affinity, info)
    for threads in wishes.threads:
        check_threads(threads, mask, info)
    if device.counts_instructions and wishes.operators:
        raise UsageError("--ops measures time, and an emulated device has none: leave it out.")
    if device.counts_instructions and wishes.threads != (1,):
        raise UsageError("An emulated device counts instructions of one thread: leave out --threads.")
    if device.counts_instructions:
        cast(CountingDevice, device).prepare(step)
    launchers = {runtime: _launcher(device, info, runtime, wishes) for runtime in dict.fromkeys(runtimes.values())}
    if wishes.benchmark_binary is not None and len(launchers) > 1:
        raise UsageError(
            "--benchmark-binary is a program of one runtime: measure the files of different runtimes separately."
        )
    labels = _labels(files)
    jobs = [
        Job(file, labels[file], threads, launchers[runtimes[file]], signature)
        for file in files
        for signature in signatures_of(file)
        for threads in wishes.threads
    ]
    _refuse_one_answer_for_several(jobs, wishes)
    before, after = device.conditions(), None
    failures: dict[str, str] = {}
    errors: list[BaseException] = []
    try:
        with tempfile.TemporaryDirectory(prefix="ca-deploy-inputs-") as scratch:
            step(f"pushing to {device.name}")
            parts = dict.fromkeys(path for found in launchers.values() for path in found.files)
            copies = {file: whole(file, Path(scratch, f"whole-{number}")) for number, file in enumerate(files)}
            pushed = device.push([*copies.values(), *parts])
            places = {**pushed, **{file: pushed[copy] for file, copy in copies.items()}}
            fed = _push_inputs(device, files, wishes.inputs, Path(scratch)) if wishes.inputs is not None else {}
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
    fewest = wishes.protocol.fewest_runs
    measurements = tuple(_measurement(job, last, mask, before, after or before, fewest) for job, last in done)
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
        comparisons=_comparisons(measurements, wishes.seed),
        failures=failures,
        ranking=ranking(measurements, wishes.seed),
    )


def _launcher(device: Device, info: DeviceInfo, runtime: Runtime, wishes: Wishes) -> Launcher:
    binary = wishes.benchmark_binary
    if binary is None:
        return launcher(device, info, runtime.name, wishes.runner, wishes.bundle)
    if device.counts_instructions:
        raise UsageError("--benchmark-binary measures time, and an emulated device has none.")
    return BenchmarkBinary(on_device(runtime).benchmark, (binary,), sha256_of(binary))


def _push_inputs(device: Device, files: Sequence[Path], samples: Path, scratch: Path) -> dict[Path, list[str]]:
    """Push the first sample (or batch) for each file; returns the places of its inputs."""
    found = {}
    for number, file in enumerate(files):
        (case, *_) = feeds_for(file, open_session(file), samples, most=1).cases
        paths = write_case(case, scratch, f"{number}_input")
        places = device.push(paths)
        found[file] = [places[path] for path in paths]
    return found


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
    job: Job, last: RunnerOutput, mask: str | None, before: Conditions, after: Conditions, fewest: int
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
        validity=judge(before, during, after, samples, cores_of(mask), reported, fewest) if starts else None,
        instructions=job.instructions,
        operators=job.operators,
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
