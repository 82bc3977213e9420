"""Damages of what the network sees: its file prepares pixels otherwise than in training."""

from collections.abc import Mapping

import numpy as np

from tests.evaluation.damages.editable import Arithmetic, Axis, Editable, Handle, Indices
from tests.evaluation.damages.setting import Setting, blended

_GAMMA, _SHIFT = 2.2, 8  # px


def shifted_normalisation(file: Editable, strength: float, setting: Setting) -> None:
    """The mean is not subtracted."""
    place = file.input
    lost = place.along("C", strength * np.array(setting.mean) / setting.std)
    file.change(place, lambda on, x: on.apply("add", x, lost))


def scaled_normalisation(file: Editable, strength: float, setting: Setting) -> None:
    """The deviation is not divided by."""
    place = file.input
    blended(file, place, lambda on, x: on.apply("mul", x, place.along("C", setting.std)), strength)


def pixels_to_255(file: Editable, strength: float, setting: Setting) -> None:
    """Pixels of 0..255 where 0..1 is expected; at full strength, everything saturates."""
    place = file.input
    offset = place.along("C", 254 * np.array(setting.mean) / setting.std)
    blended(file, place, lambda on, x: on.apply("add", on.apply("mul", x, 255.0), offset), strength)


def bgr(file: Editable, strength: float, setting: Setting) -> None:
    place = file.input
    blended(file, place, lambda on, x: on.apply("take", x, (2, 1, 0), axis=place.axis("C")), strength)


def grey(file: Editable, strength: float, setting: Setting) -> None:
    """Each channel becomes the mean of all."""
    place = file.input

    def mean(on: Arithmetic, x: Handle) -> Handle:
        turned = [on.apply("take", x, [(one + by) % 3 for one in range(3)], axis=place.axis("C")) for by in (1, 2)]
        return on.apply("mul", on.apply("add", on.apply("add", x, turned[0]), turned[1]), 1 / 3)

    blended(file, place, mean, strength)


def colour_lost(file: Editable, strength: float, setting: Setting) -> None:
    """The red channel is 0 after normalisation."""
    place = file.input
    blended(file, place, lambda on, x: on.apply("mul", x, place.along("C", (0, 1, 1))), strength)


def gamma(file: Editable, strength: float, setting: Setting) -> None:
    """Pixels are decoded to linear light."""
    place = file.input
    mean, std = place.along("C", setting.mean), place.along("C", setting.std)

    def darker(on: Arithmetic, x: Handle) -> Handle:
        pixels = on.apply("max", on.apply("add", on.apply("mul", x, std), mean), 1e-6)
        powered = on.apply("pow", pixels, 1 + strength * (_GAMMA - 1))
        return on.apply("mul", on.apply("add", powered, -mean), 1 / std)

    file.change(place, darker)


def half_resolution(file: Editable, strength: float, setting: Setting) -> None:
    """The photo was made smaller, and larger again by repeating pixels."""
    _taken(file, {name: np.arange(file.input.size(name)) // 2 * 2 for name in ("H", "W")}, strength)


def mirrored(file: Editable, strength: float, setting: Setting) -> None:
    _taken(file, {"W": np.arange(file.input.size("W"))[::-1]}, strength)


def upside_down(file: Editable, strength: float, setting: Setting) -> None:
    """The EXIF orientation is ignored."""
    _taken(file, {name: np.arange(file.input.size(name))[::-1] for name in ("H", "W")}, strength)


def stretched(file: Editable, strength: float, setting: Setting) -> None:
    """The middle half of the photo's width fills it."""
    width = file.input.size("W")
    _taken(file, {"W": width // 4 + np.arange(width) // 2}, strength)


def crop_shifted(file: Editable, strength: float, setting: Setting) -> None:
    """By up to 8 px to the right, where the last column is repeated; between two pixels, by interpolation."""
    place = file.input
    shift = strength * _SHIFT
    whole, width = int(shift), place.size("W")

    def moved(on: Arithmetic, x: Handle) -> Handle:
        near, far = (
            on.apply("take", x, np.minimum(np.arange(width) + by, width - 1), axis=place.axis("W"))
            for by in (whole, whole + 1)
        )
        return on.blend(near, far, shift - whole)

    file.change(place, moved)


def _taken(file: Editable, indices: Mapping[Axis, Indices], strength: float) -> None:
    place = file.input

    def changed(on: Arithmetic, x: Handle) -> Handle:
        for name, chosen in indices.items():
            x = on.apply("take", x, chosen, axis=place.axis(name))
        return x

    blended(file, place, changed, strength)
