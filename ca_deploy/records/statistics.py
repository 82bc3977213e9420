"""What was computed from the samples of a latency report: statistics, comparisons, and whether to trust them."""

from typing import Literal

from ca_deploy.records.record import record

Difference = Literal["faster", "slower", "no difference"]


@record
class Statistics:
    """Of ``n`` steady-state inferences, in ms; ``p99_ms`` is None for fewer than 100.

    What a benchmark program did not tell is None too; with samples at hand nothing else is.
    """

    n: int
    min_ms: float | None
    median_ms: float | None
    mean_ms: float
    std_ms: float | None
    p90_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    max_ms: float | None


@record
class Ratio:
    """Median of one over the median of another, with a 95 % bootstrap interval.

    ``verdict`` speaks of the first: "faster", "slower", or "no difference" where the interval spans 1.
    """

    ratio: float
    low: float
    high: float
    verdict: Difference


@record
class Comparison:
    """Measurement ``subject`` over measurement ``reference``; both are names of measurements."""

    subject: str
    reference: str
    ratio: Ratio


@record
class Validity:
    """Whether to quote a figure: "valid" as it is, "doubtful" with the reasons, "invalid" not at all."""

    verdict: Literal["valid", "doubtful", "invalid"]
    reasons: tuple[str, ...]


@record
class Change:
    """One file, before and after: medians in ms, or millions of instructions (exact: no interval).

    ``regressed``: slower by more than the threshold, and the whole interval says slower.
    """

    file: str
    threads: int
    before: float
    after: float
    ratio: float
    low: float | None
    high: float | None
    regressed: bool


@record
class Regression:
    """Every measurement that both reports hold; ``warnings`` say where they are not quite comparable."""

    unit: str
    threshold_percent: float
    changes: tuple[Change, ...]
    warnings: tuple[str, ...]

    @property
    def passed(self) -> bool:
        return not any(change.regressed for change in self.changes)
