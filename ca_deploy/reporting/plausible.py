"""What no command of ours writes, in numbers above all: a record that has it was changed, or is damaged."""

from collections.abc import Iterator
from datetime import datetime

from ca_deploy.records.accuracy import AccuracyReport
from ca_deploy.records.latency import LatencyReport
from ca_deploy.records.manifest import Manifest
from ca_deploy.records.parity import ParityReport, Status

_MOST = 1e12  # bytes, ms, photos or dB; more was not measured
_LARGEST = 1e300  # that is printed: an integer may have any number of digits
_ROUNDING = 1e-6  # percentage points, of means in floating point


def impossible(record: object) -> str:
    """The first such thing, as in ``top1 is 1e+300``; "" where there is none."""
    return next(_impossible(record), "")


def _impossible(record: object) -> Iterator[str]:
    match record:
        case Manifest():
            yield from _positive(size_bytes=record.size_bytes, float32_size_bytes=record.float32_size_bytes)
            try:
                _ = record.at_own_size
            except ValueError:
                yield "inputs are not those of its signature"
            yield from _impossible(record.parity)
        case ParityReport():
            yield from _percent(agreement=record.agreement)
            if record.sqnr_db is not None and abs(record.sqnr_db) > _MOST:
                yield f"sqnr_db is {record.sqnr_db:g}"
            if record.status is Status.PASS and record.images < 1:
                yield f"status is pass on {record.images} images"
        case AccuracyReport():
            yield from _positive(images=record.images)
            yield from _percent(top1=record.top1)
            if record.figures and "top1" not in record.figures:
                yield from _percent(**dict([next(iter(record.figures.items()))]))
            else:
                yield from _percent(**record.figures)
            yield from _contradictions(record)
        case LatencyReport():
            if not _is_time(record.measured_on):
                yield f"measured_on is {record.measured_on!r:.40}"
            for one in record.measurements:
                if one.statistics is not None:
                    yield from _positive(median_ms=one.statistics.median_ms, p90_ms=one.statistics.p90_ms)
                if one.instructions is not None:
                    yield from _positive(_MOST * 1e6, instructions=one.instructions.total)
            for hot in record.heat.files if record.heat is not None else ():
                yield from _positive(first_ms=hot.first_ms, last_ms=hot.last_ms)


def _contradictions(record: AccuracyReport) -> Iterator[str]:
    """Where each photo has one answer, right or confused: the share that is right has to be the same in all places."""
    if "top1" not in record.figures:
        return
    wrong = sum(one.count for one in record.confusions)
    shares = {"figures say": record.figures["top1"], "confusions leave": 100 * (record.images - wrong) / record.images}
    for name, share in shares.items():
        if abs(record.top1 - share) > 50 / record.images:  # half a photo
            yield f"top1 is {record.top1:g} %, and its {name} {share:g} %"


def _is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text) is not None
    except ValueError:
        return False


def _positive(most: float = _MOST, **values: float | None) -> Iterator[str]:
    for name, value in values.items():
        if value is not None and not 0 < value < most:
            yield f"{name} is {min(value, _LARGEST):g}"


def _percent(**values: float | None) -> Iterator[str]:
    for name, value in values.items():
        if value is not None and not -_ROUNDING <= value <= 100 + _ROUNDING:
            yield f"{name} is {value:g} %"
