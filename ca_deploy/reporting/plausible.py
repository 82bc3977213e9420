"""What no command of ours writes, in numbers above all: a record that has it was changed, or is damaged."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime

from ca_deploy.evaluation.metrics import at_most_percent
from ca_deploy.records.accuracy import AccuracyReport
from ca_deploy.records.latency import LatencyReport, Measurement
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
            if record.speed is not None:
                yield from _positive(median_ms=record.speed.median_ms)
            yield from _impossible(record.parity)
        case ParityReport():
            yield from _percent(agreement=record.agreement)
            if record.sqnr_db is not None and abs(record.sqnr_db) > _MOST:
                yield f"sqnr_db is {record.sqnr_db:g}"
            if record.status is Status.PASS and not 0 < record.images < _MOST:
                yield f"status is pass on {min(record.images, _LARGEST):g} images"
            yield from _passed_below_tolerance(record)
        case AccuracyReport():
            yield from _positive(images=record.images)
            yield from _percent(top1=record.top1, top5=record.top5)
            yield from _percent(**{f"top1 of {name}": value for name, value in record.top1_by_class.items()})
            if record.figures and "top1" not in record.figures:
                yield from _percent(**dict([next(iter(record.figures.items()))]))
            else:
                yield from _percent(**record.figures)
            for pair in record.confusions:
                yield from _positive(**{f"confusion of {pair.truth!r:.40} with {pair.answer!r:.40}": pair.count})
            yield from _contradictions(record)
            if record.top5 is not None and record.top5 < record.top1 - _ROUNDING:
                yield f"top5 is {record.top5:g} %, and top1 {record.top1:g} %"
        case LatencyReport():
            if not _is_time(record.measured_on):
                yield f"measured_on is {record.measured_on!r:.40}"
            for one in record.measurements:
                if one.statistics is not None:
                    yield from _positive(median_ms=one.statistics.median_ms, p90_ms=one.statistics.p90_ms)
                    yield from _outside_of_samples(one)
                if one.instructions is not None:
                    yield from _positive(_MOST * 1e6, instructions=one.instructions.total)
                    if (most := max(asdict(one.instructions).values())) > one.instructions.total:
                        yield f"instructions are {one.instructions.total} in all and {most} of one kind"
            for hot in record.heat.files if record.heat is not None else ():
                yield from _positive(first_ms=hot.first_ms, last_ms=hot.last_ms)


def _passed_below_tolerance(record: ParityReport) -> Iterator[str]:
    """Where a single output was judged as a whole; other tolerances have exceptions, which only a comparison knows."""
    least, found = record.tolerances, record.agreement
    if record.status is not Status.PASS:
        return
    if found is not None and least.agreement_percent is not None:
        at_most = at_most_percent(found * record.images / 100, record.images)
        if at_most < least.agreement_percent - _ROUNDING:
            yield f"status is pass at an agreement of {found:g} %"
    whole = len(record.outputs) == 1 and not least.outputs and least.sqnr_db is not None
    if whole and record.sqnr_db is not None and record.sqnr_db < (least.sqnr_db or 0):
        yield f"status is pass at an SQNR of {record.sqnr_db:g} dB"


def _outside_of_samples(one: Measurement) -> Iterator[str]:
    starts = [start for start in one.samples_ns if start]
    median_ms = one.statistics.median_ms if one.statistics is not None else None
    if (
        starts
        and median_ms is not None
        and not min(map(min, starts)) - 1 <= median_ms * 1e6 <= max(map(max, starts)) + 1
    ):
        yield f"median_ms is {median_ms:g}, outside of its samples"


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
