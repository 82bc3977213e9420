"""A latency report: what was measured, with everything needed to judge and repeat it."""

from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Annotated, Literal

from pydantic import Field

from ca_deploy.errors import ArtifactError, UsageError
from ca_deploy.files import other_kind
from ca_deploy.records.codec import Unreadable, decode, parse_json
from ca_deploy.records.devices import Conditions, DeviceInfo, InstructionCounts
from ca_deploy.records.parity import Status
from ca_deploy.records.record import record
from ca_deploy.records.statistics import Comparison, Heat, Rank, Statistics, Validity
from ca_deploy.records.tensors import FedInput

SCHEMA_VERSION = 1
_FAULTS_SHOWN = 5  # of what a machine wrote: one cause often damages thousands of samples
_OF_A_MANIFEST = {"recipe", "parity", "sha256"}


# A signed 64-bit number, as clocks count.
Nanoseconds = Annotated[int, Field(ge=0, le=2**63 - 1)]


@record
class MeasuringProtocol:
    """How often and how long to measure; all except ``starts`` and ``fewest_runs`` is per process start.

    The warm-up lasts until both ``warmup_runs`` and ``warmup_seconds`` are reached, the timed runs until both ``runs``
    and ``min_seconds`` are; a start ends after ``max_seconds`` in any case. ``headline`` is the figure to quote. A
    figure is valid only with ``fewest_runs`` over all starts. ``is_sustained``: the starts are rounds of lasting load,
    whose heat is what is measured, and no reason against it.
    """

    name: str
    starts: int
    warmup_runs: int
    warmup_seconds: float
    runs: int
    min_seconds: float
    max_seconds: float
    headline: Literal["median", "p90"] = "median"
    fewest_runs: int = 50
    is_sustained: bool = False

    def __post_init__(self) -> None:
        if self.runs < 1 or self.starts < 1 or self.min_seconds < 0 or self.warmup_runs < 0:
            raise UsageError("A measurement needs --runs and --starts of 1 or more, and a --min-seconds of 0 or more.")
        if self.min_seconds > self.max_seconds:
            raise UsageError(
                f"--min-seconds {self.min_seconds:g} is more than a process start may take: {self.max_seconds:g} s."
            )


@record
class ProcessStart:
    """One process from start to end; raw times in ns.

    ``began_at_s`` is the measuring machine's monotonic clock, as in :class:`~ca_deploy.records.devices.Conditions`;
    ``start_ns`` holds the device's own clock at the beginning of each timed inference. ``set_input_ns`` and
    ``get_output_ns`` are outside ``invoke_ns``.
    """

    began_at_s: float
    load_ns: Nanoseconds
    first_ns: Nanoseconds
    warmup_ns: tuple[Nanoseconds, ...]
    invoke_ns: tuple[Nanoseconds, ...]
    start_ns: tuple[Nanoseconds, ...]
    set_input_ns: tuple[int, ...]
    get_output_ns: tuple[int, ...]
    peak_rss_kb: int | None
    conditions: tuple[Conditions, ...]

    @property
    def before_ns(self) -> int:
        """From its beginning to the first timed inference."""
        return self.load_ns + self.first_ns + sum(self.warmup_ns)


@record
class Engine:
    """What ran the file. ``runner``: ``c``, ``python``, ``benchmark_model`` or ``onnxruntime_perf_test``.

    ``delegate`` describes how much of the graph runs in XNNPACK; None where the runtime does not report it.
    """

    runner: str
    runtime: str
    runtime_version: str
    runner_sha256: str | None
    library_sha256: str | None
    delegate: str | None


@record
class OperatorTime:
    """Operators of one kind, or of one PyTorch module: count, ms per inference (sum of medians), share of the total."""

    name: str
    count: int
    median_ms: float
    percent: float


@record
class OperatorProfile:
    """Time per operator and per PyTorch module, from a separate run: profiling changes the total a little.

    ``attention_percent`` is what attention blocks cost; None where no module is recognised as one.
    """

    runs: int
    total_ms: float
    by_operator: tuple[OperatorTime, ...]
    by_module: tuple[OperatorTime, ...]
    attention_percent: float | None
    source: str


@record
class OperatorCount:
    """One operator as it ran: what it makes, its kind, the path of its PyTorch module ("": unknown), instructions."""

    name: str
    type: str
    module: str
    instructions: int


@record
class GroupCount:
    """Operators of one kind, or of one PyTorch module: how many, instructions, share of the whole inference."""

    name: str
    count: int
    instructions: int
    percent: float


@record
class OperatorCounts:
    """Exact instructions per operator and per PyTorch module, of an inference without a profiler.

    ``total_instructions`` is the whole inference: all ``operators``, and ``outside_instructions``, which lie outside of
    any (dispatch, memory). ``profiler_instructions`` were added by the profiler in the run that named the operators,
    and are in no other figure. ``attention_by_operator`` is what attention blocks cost; () where there are none.
    """

    total_instructions: int
    outside_instructions: int
    profiler_instructions: int
    by_operator: tuple[GroupCount, ...]
    by_module: tuple[GroupCount, ...]
    attention_by_operator: tuple[GroupCount, ...]
    operators: tuple[OperatorCount, ...]
    source: str


@record
class Verification:
    """The device's outputs compared with this machine's on the same inputs."""

    status: Status
    reason: str
    inputs: str
    demanded: str
    bit_exact: bool | None
    max_abs_error: float | None
    sqnr_db: float | None
    here: str


@record
class Measurement:
    """One file with one thread count. ``statistics`` is None on an emulated device, ``instructions`` elsewhere.

    What was asked for per operator stands in ``operators``, of an emulated device in ``operator_counts``.

    ``label`` is the shortest end of the path that is unique in the report. ``signature`` is the function of the file
    that ran, where it has several.
    """

    file: str
    label: str
    sha256: str
    size_bytes: int
    threads: int
    affinity: str | None
    engine: Engine
    starts: tuple[ProcessStart, ...]
    statistics: Statistics | None
    validity: Validity | None
    instructions: InstructionCounts | None = None
    operators: OperatorProfile | None = None
    verification: Verification | None = None
    signature: str | None = None
    inputs: tuple[FedInput, ...] = ()
    inputs_origin: str = ""
    operator_counts: OperatorCounts | None = None

    @property
    def what(self) -> str:
        """The label, with the signature if there are several."""
        return self.label if self.signature is None else f"{self.label} ({self.signature})"

    @property
    def name(self) -> str:
        return f"{self.what}, {self.threads} thread{'s' if self.threads > 1 else ''}"

    @property
    def samples_ns(self) -> tuple[tuple[int, ...], ...]:
        """Steady-state inferences per process start."""
        return tuple(start.invoke_ns for start in self.starts)

    @property
    def load_ms(self) -> float | None:
        """Median over the process starts."""
        return median(start.load_ns for start in self.starts) / 1e6 if self.starts else None

    @property
    def first_ms(self) -> float | None:
        """First inference, median over the process starts."""
        return median(start.first_ns for start in self.starts) / 1e6 if self.starts else None


@record
class LatencyReport:
    """Files measured together.

    ``comparisons`` are with the first measurement, ``ranking`` is from best to worst. ``failures`` says what could not
    be measured and why; {} when all went well. ``heat`` is there after a sustained protocol.
    """

    schema_version: int
    ca_deploy_version: str
    command_line: tuple[str, ...]
    measured_on: str
    device: DeviceInfo
    emulated: bool
    protocol: MeasuringProtocol
    seed: int
    before: Conditions
    after: Conditions | None
    measurements: tuple[Measurement, ...]
    comparisons: tuple[Comparison, ...]
    failures: Mapping[str, str]
    ranking: tuple[Rank, ...] = ()
    heat: Heat | None = None


def read_report(path: Path) -> LatencyReport:
    """Read what ``profile --output`` wrote.

    Raises:
        ArtifactError: missing, damaged, or of another schema version.
    """
    if (kind := other_kind(path)) and kind != "does not exist":
        raise ArtifactError(f"Latency report {path} {kind}.")
    try:
        content = parse_json(path.read_bytes())
        if "measurements" not in content:
            other = ", but the manifest of an exported file" if content.keys() >= _OF_A_MANIFEST else ""
            raise ArtifactError(
                f"{path} is not a latency report{other}. Pass what `ca-deploy profile … --json` printed, or the "
                "latency.json of its --output."
            )
        version = content.get("schema_version")
        if version != SCHEMA_VERSION:
            raise ArtifactError(
                f"Latency report {path} has schema version {version!r:.80}; this ca-deploy reads {SCHEMA_VERSION}. "
                "Measure again."
            )
        return decode(LatencyReport, content)
    except FileNotFoundError:
        raise ArtifactError(
            f"Latency report {path} does not exist. Write one with `ca-deploy profile … --output DIR`."
        ) from None
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read ({error.strerror}).") from error
    except Unreadable as error:
        raise ArtifactError(
            f"{path} is not a latency report, or it is damaged:", *error.first(_FAULTS_SHOWN), "Measure again."
        ) from error
