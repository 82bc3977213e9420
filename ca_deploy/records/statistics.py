"""What was computed from the samples of a latency report: statistics, comparisons, and whether to trust them."""

from enum import StrEnum

from ca_deploy.records.record import record


class Difference(StrEnum):
    """How the median of one measurement compares with that of another."""

    FASTER = "faster"  # the whole 95 % interval of the ratio lies below 1
    SLOWER = "slower"  # the whole interval lies above 1
    NONE = "no difference"  # the interval contains 1


class Trust(StrEnum):
    """Whether a figure may be quoted."""

    VALID = "valid"  # as it is
    DOUBTFUL = "doubtful"  # together with the reasons
    INVALID = "invalid"  # not at all: throttled, or too few runs


@record
class Statistics:
    """Of ``n`` steady-state inferences, in ms; ``p99_ms`` is None for fewer than 100.

    Without samples, so is everything that a benchmark program does not print.
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
    """Median of one measurement over the median of another, with its 95 % bootstrap interval."""

    ratio: float
    low: float
    high: float
    verdict: Difference


@record
class Comparison:
    """The time of measurement ``subject`` over that of measurement ``reference``; both are names of measurements."""

    subject: str
    reference: str
    ratio: Ratio


@record
class Rank:
    """The place of one measurement (by its name) among those of a report, 1 for the best.

    ``ratio`` is its median time, or its instructions, over the best one's, with the 95 % interval from ``low`` to
    ``high``; they are None for counts, which are exact. Measurements that cannot be told apart share a rank.
    """

    measurement: str
    rank: int
    ratio: float
    low: float | None
    high: float | None


@record
class Heated:
    """One file under lasting load: the medians of its first and its last round, and ``ratio``, the last over the first.

    The interval of ``ratio`` is of the samples in these two rounds. ``slowest_ms`` is the highest median of any round.
    ``hottest_c`` and ``lowest_clock_percent`` (of the highest seen) are None where the device does not report them.
    ``energy_mj`` is that of the whole device per inference; None where it is not known.
    """

    measurement: str
    first_ms: float
    last_ms: float
    slowest_ms: float
    ratio: Ratio
    hottest_c: float | None
    lowest_clock_percent: float | None
    energy_mj: float | None


@record
class Heat:
    """What lasting load does: ``minutes`` by the clock, each file, and the ranking in the first and the last round.

    ``overtaken`` are pairs of measurements: the first was faster in the first round and is slower in the last, beyond
    what cannot be told apart. ``no_energy`` says why no energy is known, "" where it is.
    """

    minutes: float
    files: tuple[Heated, ...]
    ranking_first: tuple[Rank, ...]
    ranking_last: tuple[Rank, ...]
    overtaken: tuple[tuple[str, str], ...]
    no_energy: str = ""


@record
class Validity:
    """Whether the figures of a measurement can be trusted, and what speaks against it."""

    verdict: Trust
    reasons: tuple[str, ...]


@record
class PartChange:
    """Operators of one kind, or of one PyTorch module, before and after: in ms, or millions of instructions.

    A part that one of the two does not have is 0 there.
    """

    name: str
    before: float
    count_before: int
    after: float
    count_after: int


@record
class Change:
    """One file, before and after: medians in ms, or millions of instructions (exact: no interval).

    ``regressed``: slower by more than the threshold, with the whole interval above 1. ``operators`` and ``modules``,
    the largest change first, are () unless both reports have them.
    """

    file: str
    threads: int
    before: float
    after: float
    ratio: float
    low: float | None
    high: float | None
    regressed: bool
    operators: tuple[PartChange, ...] = ()
    modules: tuple[PartChange, ...] = ()


@record
class Regression:
    """Every measurement that two reports share; ``warnings`` say what limits the comparison."""

    unit: str
    threshold_percent: float
    changes: tuple[Change, ...]
    warnings: tuple[str, ...]

    @property
    def passed(self) -> bool:
        return not any(change.regressed for change in self.changes)
