"""How often and how long to measure; the numbers of TFLite's ``benchmark_model`` and of MLPerf Mobile, as data."""

from dataclasses import replace
from typing import Literal

from ca_deploy.errors import UsageError
from ca_deploy.records.record import record


@record
class MeasuringProtocol:
    """Everything except ``starts`` holds for one process start.

    Both of ``warmup_runs`` and ``warmup_seconds`` are reached before anything counts, then both of ``runs`` and
    ``min_seconds``; a start ends after ``max_seconds`` in any case. ``headline`` is the figure to quote, and
    ``fewest_runs`` over all starts are needed for a figure to be valid.
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

    def __post_init__(self) -> None:
        if self.runs < 1 or self.starts < 1 or self.min_seconds < 0 or self.warmup_runs < 0:
            raise UsageError("A measurement needs --runs and --starts of 1 or more, and a --min-seconds of 0 or more.")
        if self.min_seconds > self.max_seconds:
            raise UsageError(
                f"--min-seconds {self.min_seconds:g} is more than a process start may take: {self.max_seconds:g} s."
            )


PROTOCOLS = {
    "quick": MeasuringProtocol("quick", 2, 5, 0.2, 25, 0.3, 30),
    "standard": MeasuringProtocol("standard", 3, 10, 0.5, 50, 1, 150),
    # Over its starts: 1040 runs and 60 s, as MLPerf Mobile's single-stream scenario asks for at least.
    "publication": MeasuringProtocol("publication", 5, 10, 0.5, 208, 12, 600, "p90", 1024),
}


def custom(runs: int | None, min_seconds: float | None, starts: int | None) -> MeasuringProtocol:
    """The standard protocol with other numbers."""
    base = PROTOCOLS["standard"]
    given = {"runs": runs, "min_seconds": min_seconds, "starts": starts}
    changes = {name: value for name, value in given.items() if value is not None}
    return replace(base, name="custom", **changes) if changes else base  # type: ignore[arg-type]
