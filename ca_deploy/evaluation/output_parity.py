"""One output of a model compared with the reference's."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ca_deploy.errors import consecutive
from ca_deploy.evaluation import metrics
from ca_deploy.evaluation.channels import Channel, Channels, by_channel
from ca_deploy.records.parity import ChannelParity, ChannelsParity, OutputParity
from ca_deploy.records.recipe import Tolerances
from ca_deploy.records.signature import NetworkOutput
from ca_deploy.tasks import Task

# An error is judged in units of the output, but float32 cannot be exact to less than this share of large values: boxes
# in pixels are in the hundreds.
_OF_LARGEST = 1e-5
_EQUAL_PERCENT = 99.9  # of the integers that a float file gives
_FEWEST_VALUES = 8  # of a channel in which the reference has many times as many; good files have 10 and more
_MANY_TIMES = 8
_NAMED = 4  # channels in a message
_ONE_SCALE = ("sigmoid", "softmax", "normalize")

_Values = NDArray[np.float32]


def compare_output(
    given: NetworkOutput,
    reference: _Values,
    found: _Values,
    tolerances: Tolerances,
    task: Task,
    labels: Sequence[str] | None = None,
) -> OutputParity:
    """Both ``(N, …)``; ``labels`` name the classes of a task with one class per channel."""
    if not given.dtype.startswith("float"):
        equal = float(100 * np.mean(reference == found))
        least = tolerances.agreement_percent if tolerances.agreement_percent is not None else _EQUAL_PERCENT
        unequal = () if equal >= least else (f"{equal:.1f} % of the values are equal, below {least:g} %",)
        return OutputParity(given.name, equal_percent=equal, missed=unequal)
    reference, found = _without_equal_infinities(reference, found)
    sqnr = metrics.sqnr_db(reference, found)
    channels = channels_of(given, task, reference, found)
    missed = [
        *_not_finite(found),
        *_errors(reference, found, tolerances.max_abs_error),
        *_whole(sqnr, tolerances.sqnr_db),
        *_parts(channels, tolerances, task.least_channel_sqnr_db, labels if task.one_class else None),
    ]
    return OutputParity(
        given.name,
        metrics.max_abs_error(reference, found),
        None if sqnr == np.inf else sqnr,
        metrics.cosine(reference, found),
        missed=tuple(missed),
        channels=_worst(channels),
    )


def channels_of(given: NetworkOutput, task: Task, reference: _Values, found: _Values) -> Channels:
    """The figures of an output's channels, which compete where its task or activation says so."""
    one_scale = task.like_scale or given.activation in _ONE_SCALE
    return by_channel(reference, found, one_scale, task.channel_axis(given))


def named_channels(numbers: Sequence[int], count: int, labels: Sequence[str] | None) -> str:
    """``channels 4 to 6: ``, with their labels where the channels are classes; "" where there is only one of them."""
    if count == 1:
        return ""
    if labels is not None and len(labels) == count:
        named = [f"{number} ({labels[number]})" for number in numbers]
    else:
        named = [f"{first} to {last}" if last > first else str(first) for first, last in consecutive(numbers)]
    more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    return f"channel{'s' if len(numbers) > 1 else ''} {', '.join(named[:_NAMED])}{more}: "


def _without_equal_infinities(reference: _Values, found: _Values) -> tuple[_Values, _Values]:
    """Both with zeros where they hold the same infinity, as masked scores do."""
    same = np.isinf(reference) & (reference == found)
    return (np.where(same, 0, reference), np.where(same, 0, found)) if same.any() else (reference, found)


def _not_finite(found: _Values) -> Iterator[str]:
    if count := int((~np.isfinite(found)).sum()):
        yield f"{count} of {found.size} values are infinite or NaN"


def _errors(reference: _Values, found: _Values, tolerance: float | None) -> Iterator[str]:
    """Each position by its own largest value, so that boxes in pixels do not excuse the scores beside them."""
    if tolerance is None:
        return
    allowed = np.maximum(tolerance, _OF_LARGEST * np.abs(reference).max(axis=0, initial=0))
    errors = np.abs(reference.astype(np.float64) - found)
    if not (errors <= allowed).all():
        excess = np.where(np.isnan(errors), np.inf, errors - allowed)
        place = np.unravel_index(np.argmax(excess), errors.shape)
        yield f"max abs error {errors[place]:.3g} is above {allowed[place[1:]]:.3g}"


def _whole(sqnr_db: float, least: float | None) -> Iterator[str]:
    if least is not None and not sqnr_db >= least:
        yield f"SQNR {sqnr_db:.1f} dB is below {least:g} dB"


def _parts(found: Channels, tolerances: Tolerances, useful_db: float, labels: Sequence[str] | None) -> Iterator[str]:
    """What channels and positions miss, the worst of them in figures."""
    least, most = tolerances.channel_sqnr_db, tolerances.systematic
    if least is not None:
        least = max(least, useful_db)
        noisy = [one for one in found.channels if not one.sqnr_db >= least]
        if noisy:
            worst = min(noisy, key=_sqnr)
            scale = "by the spread of the others" if worst.constant else "about its mean"
            yield f"{_named(noisy, found, labels)}SQNR {worst.sqnr_db:.1f} dB {scale} is below {least:g} dB"
        positions = found.position_sqnr_db
        if not noisy and not (positions >= least).all():
            place = _lowest(positions)
            count = int((~(positions >= least)).sum())
            yield (
                f"{count} of {positions.size} positions: SQNR {positions[place]:.1f} dB at {list(place)} is below "
                f"{least:g} dB"
            )
    if most is not None:
        if wrong := [one for one in found.channels if one.systematic > most]:
            worst = max(wrong, key=_systematic)
            yield (
                f"{_named(wrong, found, labels)}a systematic error of {worst.systematic:.2f} standard deviations "
                f"(offset {worst.offset:+.2f}, gain {worst.gain:.2f}) is above {most:g}"
            )
        few = [one for one in found.channels if one.values < _FEWEST_VALUES and _lost(one) > _MANY_TIMES]
        if few:
            worst = max(few, key=_lost)
            yield (
                f"{_named(few, found, labels)}only {worst.values} different values, where the reference has "
                f"{worst.reference_values}"
            )


def _worst(found: Channels) -> ChannelsParity:
    place = _lowest(found.position_sqnr_db)
    several = found.position_sqnr_db.size > 1
    lowest = float(found.position_sqnr_db[place])
    return ChannelsParity(
        len(found.channels),
        found.axis,
        noisiest=_record(min(found.channels, key=_sqnr)),
        most_systematic=_record(max(found.channels, key=_systematic)),
        fewest_values=_record(max(found.channels, key=_lost)),
        position=place if several else (),
        position_sqnr_db=lowest if several and lowest != np.inf else None,
    )


def _record(one: Channel) -> ChannelParity:
    return ChannelParity(
        channel=one.number,
        sqnr_db=None if one.sqnr_db == np.inf else one.sqnr_db,
        variance_explained_percent=float(100 * (1 - 10 ** (-one.sqnr_db / 10))),
        offset=one.offset,
        gain=one.gain,
        systematic=one.systematic,
        values=one.values,
        reference_values=one.reference_values,
        constant=one.constant,
    )


def _sqnr(one: Channel) -> float:
    return -np.inf if np.isnan(one.sqnr_db) else one.sqnr_db


def _systematic(one: Channel) -> float:
    return one.systematic


def _lost(one: Channel) -> float:
    """How many values of the reference there are for each of the output's."""
    return one.reference_values / max(one.values, 1)


def _lowest(positions: NDArray[np.float64]) -> tuple[int, ...]:
    at = np.unravel_index(np.argmin(np.nan_to_num(positions, nan=-np.inf, posinf=np.inf)), positions.shape)
    return tuple(map(int, at))


def _named(some: Sequence[Channel], found: Channels, labels: Sequence[str] | None) -> str:
    return named_channels(sorted(one.number for one in some), len(found.channels), labels)
