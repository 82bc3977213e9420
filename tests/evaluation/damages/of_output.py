"""Damages of what the network gives, in the channel that decides most often."""

import numpy as np
from numpy.typing import NDArray

from tests.evaluation.damages.editable import Editable, Place
from tests.evaluation.damages.setting import DoesNotApply, Setting, blended


def zeroed(file: Editable, strength: float, setting: Setting) -> None:
    place = file.output
    kept = place.along("C", 1 - strength * _only(place, setting.channel))
    file.change(place, lambda on, x: on.apply("mul", x, kept))


def swapped(file: Editable, strength: float, setting: Setting) -> None:
    place = file.output
    if setting.partner is None:
        raise DoesNotApply("it has one channel")
    order = np.arange(place.size("C"))
    order[[setting.channel, setting.partner]] = order[[setting.partner, setting.channel]]
    blended(file, place, lambda on, x: on.apply("take", x, order, axis=place.axis("C")), strength)


def shifted(file: Editable, strength: float, setting: Setting) -> None:
    """By up to its spread."""
    place = file.output
    added = place.along("C", strength * setting.spread * _only(place, setting.channel))
    file.change(place, lambda on, x: on.apply("add", x, added))


def clipped_from_above(file: Editable, strength: float, setting: Setting) -> None:
    place = file.output
    limit = setting.highest - strength * setting.spread
    limits = place.along("C", np.where(_only(place, setting.channel), limit, np.inf))
    file.change(place, lambda on, x: on.apply("min", x, limits))


def clipped_from_below(file: Editable, strength: float, setting: Setting) -> None:
    place = file.output
    limit = setting.lowest + strength * setting.spread
    limits = place.along("C", np.where(_only(place, setting.channel), limit, -np.inf))
    file.change(place, lambda on, x: on.apply("max", x, limits))


def few_values(file: Editable, strength: float, setting: Setting) -> None:
    """In steps of up to the spread."""
    place = file.output
    step = strength * setting.spread
    coarse = place.along("C", _only(place, setting.channel))
    blended(file, place, lambda on, x: on.in_steps(x, step), coarse)


def gain_lost(file: Editable, strength: float, setting: Setting) -> None:
    """All of it comes nearer to the lowest."""
    place = file.output
    shares = place.along("C", strength * _only(place, setting.channel))
    blended(file, place, lambda on, x: on.apply("add", on.apply("mul", x, 0.0), setting.lowest), shares)


def rows_rolled(file: Editable, strength: float, setting: Setting) -> None:
    place = _map(file)
    rows = np.roll(np.arange(place.size("H")), 1)
    blended(file, place, lambda on, x: on.apply("take", x, rows, axis=place.axis("H")), strength)


def half_zeroed(file: Editable, strength: float, setting: Setting) -> None:
    """The right half of the map."""
    place = _map(file)
    columns = place.size("W")
    kept = place.along("W", 1 - strength * (np.arange(columns) >= columns // 2))
    file.change(place, lambda on, x: on.apply("mul", x, kept))


def _map(file: Editable) -> Place:
    if "H" not in file.output.axes:
        raise DoesNotApply("its output is not a map")
    return file.output


def _only(place: Place, channel: int) -> NDArray[np.bool_]:
    only: NDArray[np.bool_] = np.arange(place.size("C")) == channel
    return only
