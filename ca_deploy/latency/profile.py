"""``profile()``: several files on one device, in turn and in random order, over several process starts."""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import cast

from ca_deploy.artifact import sha256_of
from ca_deploy.devices import Conditions, CountingDevice, Device, InstructionCounts
from ca_deploy.errors import ArtifactError, DeviceError, RuntimeUnavailable, UsageError
from ca_deploy.latency.cores import affinity_mask, check_threads, cores_of
from ca_deploy.latency.launch import JsonLauncher, Launcher, Request, RunnerKind, launcher
from ca_deploy.latency.operators import profile_operators
from ca_deploy.latency.protocol import PROTOCOLS, MeasuringProtocol
from ca_deploy.latency.report import (
    SCHEMA_VERSION,
    Comparison,
    Engine,
    LatencyReport,
    Measurement,
    OperatorProfile,
    ProcessStart,
    Verification,
)
from ca_deploy.latency.runner_output import RunnerOutput
from ca_deploy.latency.statistics import ratio_of_medians, summarise
from ca_deploy.latency.validity import judge
from ca_deploy.latency.verify import verify
from ca_deploy.latency.watch import Watch
from ca_deploy.runtimes import find_runtime

RUNTIMES = ("litert", "onnxruntime")

# One inference to warm up, one to count; and as many as tell an operator's median.
_COUNTED = MeasuringProtocol("count", 1, 0, 0, 1, 0, 600)
_ONCE = MeasuringProtocol("once", 1, 0, 0, 1, 0, 600)
_OBSERVED = MeasuringProtocol("operators", 1, 10, 0.5, 50, 0, 150)

# What is being done, in a few words.
Step = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Wishes:
    """What to measure, and how; see ``ca-deploy profile --help``."""

    runtime: str | None = None
    threads: tuple[int, ...] = (1,)
    affinity: str | None = None
    protocol: MeasuringProtocol = PROTOCOLS["standard"]
    runner: RunnerKind = "auto"
    benchmark_binary: Path | None = None
    bundle: Path | None = None
    operators: bool = False
    verify: bool = False
    output: Path | None = None
    seed: int = 0
    command_line: tuple[str, ...] = ()


@dataclass(slots=True)
class _Job:
    """One file with one number of threads, and what is known about it so far."""

    file: Path
    threads: int
    launcher: Launcher
    starts: list[ProcessStart] = field(default_factory=list)
    last: RunnerOutput | None = None
    instructions: InstructionCounts | None = None
    operators: OperatorProfile | None = None
    verification: Verification | None = None

    @property
    def done(self) -> bool:
        return bool(self.starts or self.instructions)


def profile(files: Sequence[Path], device: Device, wishes: Wishes, step: Step = lambda _: None) -> LatencyReport:
    """Measure files on a device.

    A file that does not run there, or a device that vanishes, ends up in ``failures`` of a report that keeps
    everything measured until then.

    Raises:
        UsageError, ArtifactError: files and wishes that contradict each other or the device.
        DeviceError: the device failed before anything was measured.
        RuntimeUnavailable: no file runs on the device.
    """
    runtimes = {file: runtime_of(file, wishes.runtime) for file in files}
    info = device.probe()
    mask = affinity_mask(wishes.affinity, info)
    for threads in wishes.threads:
        check_threads(threads, mask, info)
    if device.counts_instructions and wishes.threads != (1,):
        raise UsageError("An emulated device counts instructions of one thread: leave out --threads.")
    launchers = {
        runtime: launcher(device, info, runtime, wishes.runner, wishes.bundle) for runtime in set(runtimes.values())
    }
    jobs = [_Job(file, threads, launchers[runtimes[file]]) for file in files for threads in wishes.threads]
    before, after = device.conditions(), None
    failures: dict[str, str] = {}
    errors: list[Exception] = []
    try:
        step(f"pushing to {device.name}")
        places = device.push([*files, *{path: None for found in launchers.values() for path in found.files}])
        run = _Run(device, places, mask, wishes, failures, errors, step)
        if device.counts_instructions:
            run.count(jobs)
        else:
            run.rounds(jobs)
            if wishes.operators:
                run.each(jobs, "operators of", run.operators)
        if wishes.verify:
            run.each(jobs, "verifying", run.verify)
        after = device.conditions()
    except DeviceError as error:
        errors.append(error)
        failures[device.name] = str(error)
    done = [job for job in jobs if job.done]
    if not done:
        raise errors[0]
    measurements = tuple(_measurement(job, mask, before, after or before) for job in done)
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
    )


@dataclass(frozen=True, slots=True)
class _Run:
    """What all the jobs of one call share."""

    device: Device
    places: Mapping[Path, str]
    mask: str | None
    wishes: Wishes
    failures: dict[str, str]
    errors: list[Exception]
    step: Step

    def rounds(self, jobs: Sequence[_Job]) -> None:
        """Every job once a round, in another order each time, so that a slow moment does not meet one file alone."""
        order = random.Random(self.wishes.seed)
        for number in range(self.wishes.protocol.starts):
            left = [job for job in jobs if str(job.file) not in self.failures]
            for job in order.sample(left, len(left)):
                self.step(f"round {number + 1} of {self.wishes.protocol.starts}: {_title(job)}")
                self._attempt(job, self._start)

    def count(self, jobs: Sequence[_Job]) -> None:
        for job in jobs:
            self.step(f"counting {_title(job)}")
            self._attempt(job, self._count)

    def each(self, jobs: Sequence[_Job], doing: str, what: Callable[[_Job], None]) -> None:
        """Something for every job that ran."""
        for job in jobs:
            if job.done:
                self.step(f"{doing} {_title(job)}")
                self._attempt(job, what)

    def verify(self, job: _Job) -> None:
        outputs = f"{self.device.scratch()}/output"

        def run_there(inputs: Sequence[Path], folder: Path) -> tuple[RunnerOutput, list[Path]]:
            places = self.device.push(inputs)
            there = [places[path] for path in inputs]
            request = replace(self.request(job, _ONCE), inputs=there, output_prefix=outputs)
            said = job.launcher.run(self.device, self.places, request)
            pulled = [folder / f"output{index}.bin" for index in range(len(said.outputs))]
            for index, path in enumerate(pulled):
                self.device.pull(f"{outputs}{index}.bin", path)
            return said, pulled

        keep = self.wishes.output / f"{job.file.name}.{job.threads}.outputs.npz" if self.wishes.output else None
        job.verification = verify(job.file, run_there, keep)

    def _attempt(self, job: _Job, what: Callable[[_Job], None]) -> None:
        try:
            what(job)
        except RuntimeUnavailable as error:
            self.failures[str(job.file)] = str(error)
            self.errors.append(error)

    def request(self, job: _Job, protocol: MeasuringProtocol) -> Request:
        return Request(self.places[job.file], job.threads, self.mask, protocol)

    def _start(self, job: _Job) -> None:
        began = time.monotonic()
        with Watch(self.device) as watch:
            found = job.launcher.run(self.device, self.places, self.request(job, self.wishes.protocol))
        job.last = found
        job.starts.append(
            ProcessStart(
                began_at_s=began,
                load_ns=found.load_ns,
                first_ns=found.first_ns,
                warmup_ns=found.warmup_ns,
                invoke_ns=found.invoke_ns,
                start_ns=found.start_ns,
                set_input_ns=found.set_input_ns,
                get_output_ns=found.get_output_ns,
                peak_rss_kb=found.peak_rss_kb,
                conditions=tuple(watch.seen),
            )
        )

    def _count(self, job: _Job) -> None:
        assert isinstance(job.launcher, JsonLauncher)
        request = self.request(job, _COUNTED)
        job.last = job.launcher.run(self.device, self.places, request)
        device = cast(CountingDevice, self.device)
        job.instructions = device.count(job.launcher.argv(self.places, request), request.timeout_s)

    def operators(self, job: _Job) -> None:
        request = self.request(job, _OBSERVED)
        found = job.launcher.operators(self.device, self.places, request)
        job.operators = profile_operators(job.file, found, f"the profiler of {job.last.runtime if job.last else ''}")


def runtime_of(file: Path, wanted: str | None) -> str:
    """The runtime that runs a file on devices.

    Raises:
        ArtifactError: no such file, or of a kind that no runtime runs.
        UsageError: ``wanted`` does not run this kind of file.
    """
    if not file.is_file():
        raise ArtifactError(f"Model file {file} does not exist.")
    suffixes = {name: find_runtime(name)[0].suffixes for name in RUNTIMES}
    able = [name for name in RUNTIMES if file.suffix in suffixes[name]]
    if not able:
        known = ", ".join(suffix for found in suffixes.values() for suffix in found)
        raise ArtifactError(f"No runtime runs {file.name} on devices: profile takes {known} files.")
    if wanted is not None and wanted not in able:
        raise UsageError(f"--runtime {wanted} does not run {file.name}; {able[0]} does. Leave --runtime out.")
    return able[0]


def _title(job: _Job) -> str:
    return f"{job.file.name}, {job.threads} thread{'s' if job.threads > 1 else ''}"


def _measurement(job: _Job, mask: str | None, before: Conditions, after: Conditions) -> Measurement:
    assert job.last is not None
    starts = tuple(job.starts)
    samples = [start.invoke_ns for start in starts]
    during = [moment for start in starts for moment in start.conditions]
    return Measurement(
        file=str(job.file),
        sha256=sha256_of(job.file),
        size_bytes=job.file.stat().st_size,
        threads=job.threads,
        affinity=mask,
        engine=Engine(
            job.launcher.runner,
            job.last.runtime,
            job.last.runtime_version,
            job.launcher.runner_sha256,
            job.launcher.library_sha256,
            job.last.delegate,
        ),
        starts=starts,
        statistics=summarise([ns for start in samples for ns in start]) if starts else None,
        validity=judge(before, during, after, samples, cores_of(mask)) if starts else None,
        instructions=job.instructions,
        operators=job.operators,
        verification=job.verification,
    )


def _comparisons(measurements: Sequence[Measurement], seed: int) -> tuple[Comparison, ...]:
    """Every timed measurement against the first."""
    timed = [found for found in measurements if found.starts]
    return tuple(
        Comparison(
            subject.name,
            timed[0].name,
            ratio_of_medians(subject.samples_ns, timed[0].samples_ns, paired=True, seed=seed),
        )
        for subject in timed[1:]
    )
