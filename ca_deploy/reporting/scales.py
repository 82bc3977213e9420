"""What two figures of a device must have in common to mean the same, and the figure itself."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ca_deploy.records.report import Measure
from ca_deploy.records.statistics import Heated, Rank
from ca_deploy.records.tensors import batch_of
from ca_deploy.reporting.found import Measured, Shipped


@dataclass(frozen=True, slots=True, order=True)
class Scale:
    """One way to measure on one device; of several, the plainest is the least.

    ``batch`` is how many samples an inference takes. ``fed`` has the shapes that went in where they are not the file's
    own, and ``signature`` the function that ran where the file has several. ``headline`` is the figure that is quoted:
    after lasting load (``sustained``) that of the last round.
    """

    threads: int
    batch: int
    fed: str
    signature: str
    affinity: str
    sustained: bool
    headline: str
    emulated: bool
    device: str
    model: str

    @property
    def measure(self) -> Measure:
        conditions = "".join(f", {said}" for said in self._conditions())
        if self.emulated:
            return Measure(f"instructions on {self.device}{conditions}", "M", "per inference, counted; not time")
        of = " of the last round" if self.sustained else ""
        return Measure(
            f"time on {self.model} ({self.device}){conditions}", "ms", f"{self.headline}{of} per inference{conditions}"
        )

    def _conditions(self) -> Iterator[str]:
        """What is not as usual."""
        if self.threads > 1:
            yield f"{self.threads} threads"
        if self.batch > 1:
            yield f"{self.batch} samples at once"
        if self.fed:
            yield f"fed with {self.fed}"
        if self.signature:
            yield f"function {self.signature}"
        if self.affinity:
            yield f"cores {self.affinity}"
        if self.sustained:
            yield "after lasting load"
        if self.headline != "median":
            yield self.headline


def scale_of(file: Shipped, one: Measured) -> Scale:
    """Where and how a file was measured."""
    report, found = one.report, one.measurement
    inputs = file.manifest.at_own_size.inputs
    own, fed = (sorted(spec.shape for spec in specs) for specs in (inputs, found.inputs))
    is_own = not fed or fed == own  # reports of earlier versions do not say what was fed
    return Scale(
        threads=found.threads,
        batch=batch_of(inputs),
        fed="" if is_own else ", ".join("x".join(map(str, shape)) or "scalar" for shape in fed),
        signature=found.signature or "",
        affinity=found.affinity or "",
        sustained=report.protocol.is_sustained and not report.emulated,
        headline="median" if report.emulated else report.protocol.headline,
        emulated=report.emulated,
        device=report.device.name,
        model=report.device.model,
    )


def figure_of(one: Measured) -> float | None:
    """In millions of instructions, or in ms: after lasting load, of the last round; None where there is none."""
    found = one.measurement
    if one.report.emulated:
        return found.instructions.total / 1e6 if found.instructions is not None else None
    if hot := heated(one):
        return hot.last_ms
    if found.statistics is None:
        return None
    return found.statistics.median_ms if one.report.protocol.headline == "median" else found.statistics.p90_ms


def heated(one: Measured) -> Heated | None:
    """What lasting load did to the file; None where that was not measured."""
    files = one.report.heat.files if one.report.heat is not None else ()
    return next((hot for hot in files if hot.measurement == one.measurement.name), None)


def ranking_of(one: Measured) -> Sequence[Rank]:
    """Of the figures of its report."""
    return one.report.heat.ranking_last if heated(one) and one.report.heat else one.report.ranking


def samples_of(one: Measured) -> Sequence[Sequence[int]]:
    """Those that the figure is of, in ns per process start."""
    samples = one.measurement.samples_ns
    return [start for start in samples if start][-1:] if heated(one) else samples
