"""The jobs of one measurement, and how they run on a device: in rounds, counting, profiling, verifying."""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

from ca_deploy.devices import CountingDevice, Device
from ca_deploy.errors import CaDeployError, DeviceError, UsageError
from ca_deploy.graphs.input_shapes import Shape
from ca_deploy.latency import runner_output
from ca_deploy.latency.launch import JsonLauncher, Launcher, Request, RunnerKind
from ca_deploy.latency.operator_counts import count_operators
from ca_deploy.latency.operators import profile_operators
from ca_deploy.latency.protocol import PROTOCOLS
from ca_deploy.latency.runner_output import RunnerOutput
from ca_deploy.latency.verify import verify
from ca_deploy.latency.watch import Watch
from ca_deploy.processes.time_limit import time_limit_s
from ca_deploy.progress import Step
from ca_deploy.records.devices import InstructionCounts
from ca_deploy.records.latency import MeasuringProtocol, OperatorCounts, OperatorProfile, ProcessStart, Verification

# One inference after the first to count or to compare; enough for a median per operator.
_COUNTED = MeasuringProtocol("count", 1, 0, 0, 1, 0, 600)
_SELDOM_S = 5.0  # between two looks at a device under lasting load, which dumpsys would disturb
_ONCE = MeasuringProtocol("once", 1, 0, 0, 1, 0, 600)
_OBSERVED = MeasuringProtocol("operators", 1, 10, 0.5, 50, 0, 150)


@dataclass(frozen=True, slots=True)
class Wishes:
    """What to measure, and how; see ``ca-deploy profile --help``. ``minutes`` are those of lasting load, if asked."""

    runtime: str | None = None
    threads: tuple[int, ...] = (1,)
    affinity: str | None = None
    protocol: MeasuringProtocol = PROTOCOLS["standard"]
    minutes: int | None = None
    runner: RunnerKind = "auto"
    benchmark_binary: Path | None = None
    bundle: Path | None = None
    operators: bool = False
    verify: bool = False
    inputs: Path | None = None
    input_shapes: Mapping[str, Shape] = field(default_factory=dict)
    output: Path | None = None
    seed: int = 0
    command_line: tuple[str, ...] = ()


@dataclass(slots=True)
class Job:
    """One file, or one signature of it, with one thread count, and its results so far.

    ``shapes`` are those of its inputs in order, where the file leaves any open.
    """

    file: Path
    label: str
    threads: int
    launcher: Launcher
    signature: str | None = None
    shapes: Sequence[Shape] = ()
    starts: list[ProcessStart] = field(default_factory=list)
    last: RunnerOutput | None = None
    instructions: InstructionCounts | None = None
    operators: OperatorProfile | None = None
    operator_counts: OperatorCounts | None = None
    verification: Verification | None = None

    @property
    def title(self) -> str:
        return f"{self.what}, {self.threads} thread{'s' if self.threads > 1 else ''}"

    @property
    def what(self) -> str:
        return self.label if self.signature is None else f"{self.label} ({self.signature})"

    @property
    def key(self) -> str:
        """For ``failures``."""
        return str(self.file) if self.signature is None else f"{self.file} ({self.signature})"

    @property
    def done(self) -> bool:
        return bool(self.starts or self.instructions)


@dataclass(frozen=True, slots=True)
class Run:
    """What the jobs of one measurement share.

    ``fed`` has the places of each file's inputs on the device; a runner makes up those of a file that is not in it.
    """

    device: Device
    places: Mapping[Path, str]
    fed: Mapping[Path, Sequence[str]]
    mask: str | None
    wishes: Wishes
    failures: dict[str, str]
    errors: list[BaseException]
    step: Step

    def rounds(self, jobs: Sequence[Job]) -> None:
        """Run every job once per round, in a new random order, so that a disturbance does not hit one file only."""
        order = random.Random(self.wishes.seed)
        for number in range(self.wishes.protocol.starts):
            left = [job for job in jobs if job.key not in self.failures]
            for job in order.sample(left, len(left)):
                self.step(f"round {number + 1} of {self.wishes.protocol.starts}: {job.title}")
                self._attempt(job, self._start)

    def count(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            self.step(f"counting {job.title}")
            self._attempt(job, self._count)

    def each(self, jobs: Sequence[Job], doing: str, what: Callable[[Job], None]) -> None:
        """Do something for every job that ran."""
        for job in jobs:
            if job.done:
                self.step(f"{doing} {job.title}")
                self._attempt(job, what)

    def verify(self, job: Job) -> None:
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

        keep = None
        if self.wishes.output is not None:
            keep = self.wishes.output / f"{job.label.replace('/', '_')}.{job.threads}.outputs.npz"
        job.verification = verify(job.file, run_there, keep, self.wishes.runtime, self.wishes.inputs, job.shapes)

    def _attempt(self, job: Job, what: Callable[[Job], None]) -> None:
        try:
            what(job)
        except DeviceError:
            raise  # nothing more can be measured
        except CaDeployError as error:
            self.failures[job.key] = str(error)
            self.errors.append(error)

    def request(self, job: Job, protocol: MeasuringProtocol) -> Request:
        fed = self.fed.get(job.file, ())
        model, signature = self.places[job.file], job.signature
        limit_s = time_limit_s(job.file)
        return Request(model, job.threads, self.mask, protocol, limit_s, fed, shapes=job.shapes, signature=signature)

    def _start(self, job: Job) -> None:
        began = time.monotonic()
        seldom = {"every_s": _SELDOM_S} if self.wishes.protocol.is_sustained else {}
        with Watch(self.device, **seldom) as watch:
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

    def _count(self, job: Job) -> None:
        request = self.request(job, _COUNTED)
        device = cast(CountingDevice, self.device)
        completed, counts = device.count(self._c_runner(job).argv(self.places, request), request.timeout_s)
        job.last, job.instructions = runner_output.parse(completed, job.file.name, device.name), counts

    def _c_runner(self, job: Job) -> JsonLauncher:
        if not isinstance(job.launcher, JsonLauncher):
            raise UsageError(f"Instructions of {job.launcher.runner} cannot be counted: leave out --benchmark-binary.")
        return job.launcher

    def operators(self, job: Job) -> None:
        runtime = job.last.runtime if job.last else ""
        if self.device.counts_instructions:
            request = self.request(job, _COUNTED)
            device, argv = cast(CountingDevice, self.device), self._c_runner(job).argv(self.places, request)
            job.operator_counts = count_operators(job.file, device, argv, request.timeout_s, runtime)
            return
        found = job.launcher.operators(self.device, self.places, self.request(job, _OBSERVED))
        job.operators = profile_operators(job.file, found, f"the profiler of {runtime}")
