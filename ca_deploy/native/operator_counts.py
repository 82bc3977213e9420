"""What the plugin operator_count.c wrote in its two runs, put together: the instructions of each operator.

An operator is a span between two readings of the clock by the runtime's profiler. Its instructions are those of the
calls within it that the runtime makes as often without a profiler, counted without one; what is left of the span is
the profiler's own work.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

# An operator may read the clock several times (XNNPACK's copies do, once per part), but not for ever.
_MOST_READINGS = 64


@dataclass(frozen=True, slots=True)
class Call:
    """A call after so many readings of the clock: the ``hit``-th from the site with this address (0 for the first)."""

    reading: int
    site: int
    hit: int
    instructions: int


@dataclass(frozen=True, slots=True)
class Trace:
    """A run with the profiler: the instructions of the inference, and its readings, which are instructions so far.

    ``hits`` says how often each site called.
    """

    total: int
    readings: tuple[int, ...]
    calls: tuple[Call, ...]
    hits: Mapping[int, int]

    @property
    def sites(self) -> list[int]:
        return sorted({call.site for call in self.calls})


@dataclass(frozen=True, slots=True)
class Calls:
    """A run without the profiler: the instructions of the inference, and of each call from the sites asked for."""

    total: int
    sites: Mapping[int, Sequence[int]]


def read_trace(file: Path) -> Trace:
    found = json.loads(file.read_text())
    calls = tuple(Call(*call) for call in found["calls"])
    hits = {int(site): count for site, count in found["hits"].items()}
    return Trace(found["total"], tuple(found["readings"]), calls, hits)


def read_calls(file: Path) -> Calls:
    found = json.loads(file.read_text())
    return Calls(found["total"], {int(site): each for site, each in found["sites"].items()})


def instructions_of(spans: Sequence[int], trace: Trace, calls: Calls) -> list[int] | None:
    """The instructions of each operator.

    Args:
        spans: what the profiler took for its time, in instructions, in the order of execution.

    Returns:
        None where a span is not found among the readings.
    """
    per_interval: dict[int, int] = defaultdict(int)
    for call in trace.calls:
        own = calls.sites.get(call.site, ())
        if len(own) == trace.hits[call.site]:
            per_interval[call.reading] += own[call.hit]
    found, at = [], 0
    for span in spans:
        ends = _next(span, trace.readings, at)
        if ends is None:
            return None
        begin, at = ends
        found.append(sum(per_interval[reading] for reading in range(begin + 1, at + 1)))
    return found


def _next(span: int, readings: Sequence[int], at: int) -> tuple[int, int] | None:
    """The first two readings from ``at`` on that lie so far apart; XNNPACK gives some spans to the operator before."""
    if not span:
        return at, at
    for begin in range(at, len(readings)):
        for end in range(begin + 1, min(begin + _MOST_READINGS, len(readings))):
            apart = readings[end] - readings[begin]
            if apart == span:
                return begin, end
            if apart > span:
                break
    return None
