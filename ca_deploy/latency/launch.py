"""Ways of running a file on a device: the C runner, the Python one, or a runtime's own benchmark program."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from ca_deploy.devices import Device
from ca_deploy.errors import UsageError
from ca_deploy.files import sha256_of
from ca_deploy.latency import runner_output
from ca_deploy.latency.runner_output import OperatorSamples, RunnerOutput
from ca_deploy.native.bundle import runner_command
from ca_deploy.native.libraries import runs_in_c
from ca_deploy.records.devices import DeviceInfo
from ca_deploy.records.latency import MeasuringProtocol

RunnerKind = Literal["auto", "c", "python"]
PYTHON_RUNNER = Path(__file__).parent / "on_device" / "runner.py"


@dataclass(frozen=True, slots=True)
class Request:
    """One process: ``model`` and ``inputs`` are paths on the device, ``affinity`` a hexadecimal mask of cores.

    ``shapes`` are those of the inputs in order, where the file leaves them open; ``signature`` is the function of the
    file that runs, None for its main graph. ``limit_s`` is what starting, loading and the first run may take.
    """

    model: str
    threads: int
    affinity: str | None
    protocol: MeasuringProtocol
    limit_s: float
    inputs: Sequence[str] = ()
    shapes: Sequence[Sequence[int]] = ()
    signature: str | None = None
    output_prefix: str | None = None

    @property
    def timeout_s(self) -> float:
        return 2 * self.protocol.max_seconds + self.limit_s


class Launcher(Protocol):
    """Starts one process per request. ``files`` have to be on the device; ``places`` maps them to their paths there."""

    @property
    def runner(self) -> str: ...
    @property
    def files(self) -> tuple[Path, ...]: ...
    @property
    def runner_sha256(self) -> str | None: ...
    @property
    def library_sha256(self) -> str | None: ...
    @property
    def package_version(self) -> str | None:
        """Version of the package that the library came from, where the library itself reports another."""

    def run(self, device: Device, places: Mapping[Path, str], request: Request) -> RunnerOutput:
        """Raises ``RuntimeUnavailable`` when the file does not run, ``DeviceError`` when the device fails."""

    def operators(self, device: Device, places: Mapping[Path, str], request: Request) -> tuple[OperatorSamples, ...]:
        """Time of each operator, in order of execution; raises as ``run`` does."""


@dataclass(frozen=True, slots=True)
class JsonLauncher:
    """The C and the Python runner: the same options, the same JSON output."""

    runner: str
    files: tuple[Path, ...]
    runner_sha256: str | None
    library_sha256: str | None
    package_version: str | None
    start: Callable[[Mapping[Path, str]], list[str]]
    operators_script: Path | None = None

    def argv(self, places: Mapping[Path, str], request: Request) -> list[str]:
        protocol = request.protocol
        options = {
            "--model": request.model,
            "--threads": request.threads,
            "--affinity": request.affinity,
            "--signature": request.signature,
            "--warmup-runs": protocol.warmup_runs,
            "--warmup-seconds": protocol.warmup_seconds,
            "--runs": protocol.runs,
            "--min-seconds": protocol.min_seconds,
            "--max-seconds": protocol.max_seconds,
            "--output-prefix": request.output_prefix,
        }
        argv = list(self.start(places))
        for name, value in options.items():
            if value is not None:
                argv += [name, f"{value:g}" if isinstance(value, float) else str(value)]
        for shape in request.shapes:
            argv += ["--shape", "x".join(map(str, shape))]
        for path in request.inputs:
            argv += ["--input", path]
        return argv

    def run(self, device: Device, places: Mapping[Path, str], request: Request) -> RunnerOutput:
        completed = device.run(self.argv(places, request), request.timeout_s)
        return runner_output.parse(completed, request.model.rpartition("/")[2], device.name)

    def operators(self, device: Device, places: Mapping[Path, str], request: Request) -> tuple[OperatorSamples, ...]:
        argv = self.argv(places, request)
        if self.operators_script is not None:
            argv[1] = places[self.operators_script]
        completed = device.run([*argv, "--ops"], request.timeout_s)
        return runner_output.parse_operators(completed, request.model.rpartition("/")[2], device.name)


def launcher(device: Device, info: DeviceInfo, runtime: str, kind: RunnerKind, bundle: Path | None) -> Launcher:
    """The way to run files of ``runtime`` on a device.

    "auto" chooses the C runner, unless only the Python runner can run ``runtime`` there.

    Raises:
        UsageError: Python asked for where there is none.
        DeviceError: no runner for this device.
    """
    if kind == "auto":
        kind = "python" if device.python and not runs_in_c(runtime, info.architecture, device.is_this_machine) else "c"
    if kind == "c":
        command = runner_command(info, runtime, bundle, device.is_this_machine)
        return JsonLauncher(
            "c",
            command.files,
            command.runner_sha256,
            command.library_sha256,
            command.runtime_version,
            command.argv,
        )
    python = device.python
    if python is None:
        raise UsageError(f"--runner python needs a Python on the device; {device.name} has none. Use --runner c.")
    operators = PYTHON_RUNNER.with_name(f"{runtime}_operators.py")
    scripts = (PYTHON_RUNNER, operators) if operators.is_file() else (PYTHON_RUNNER,)
    return JsonLauncher(
        runner="python",
        files=scripts,
        runner_sha256=sha256_of(PYTHON_RUNNER),
        library_sha256=None,
        package_version=None,
        start=lambda places: [python, places[PYTHON_RUNNER]],
        operators_script=operators if operators in scripts else None,
    )
