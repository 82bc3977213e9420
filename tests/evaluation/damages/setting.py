"""What a damage has to know about the network, and what it is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tests.evaluation.damages.editable import Change, Editable, Layer, Place

Kind = Literal["classifier", "detector", "regressor"]


class DoesNotApply(Exception):
    """This file has no such part."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A network and its undamaged answers. Damages of single channels hit ``channel``, the one that decides most often,
    and ``partner``, the next; None where there is only one. ``lowest`` and ``highest`` are those of the channel.
    ``mean`` and ``std`` are of the preprocessing, ``(C,)``.
    """

    kind: Kind
    channel: int
    partner: int | None
    lowest: float
    highest: float
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def spread(self) -> float:
        return self.highest - self.lowest


@dataclass(frozen=True, slots=True)
class Damage:
    """``apply(file, strength, setting)`` with a strength in 0..1, where 1 is the whole damage.

    ``channels``: it hits ``Setting.channel`` ("one") or also its partner ("two"); otherwise all may suffer.
    ``of_ranges``: it does what a badly chosen scale does. Operators stand in for that scale, and would give it away
    where nothing is rounded, as a scale does not.
    """

    name: str
    apply: Callable[[Editable, float, Setting], None]
    channels: Literal["one", "two", "any"] = "any"
    of_ranges: bool = False

    def hit(self, setting: Setting) -> tuple[int, ...]:
        """The channels of the output that it changes; () for any."""
        if self.channels == "any":
            return ()
        both = (setting.channel, setting.partner if self.channels == "two" else None)
        return tuple(one for one in both if one is not None)


def blended(file: Editable, place: Place, damaged: Change, strength: object) -> None:
    """``x + strength (damaged(x) - x)``; a strength may be an array that broadcasts to the tensor."""
    file.change(place, lambda on, x: on.blend(x, damaged(on, x), strength))


def plain_layers(file: Editable) -> list[Layer]:
    """Without those of attention."""
    return [layer for layer in file.layers if "attention" not in layer.name]


def inner_layer(file: Editable) -> Layer:
    """The middle convolution over all channels."""
    found = [layer for layer in plain_layers(file)[1:-1] if not layer.depthwise]
    return found[len(found) // 2]


def spatial_layer(file: Editable) -> Layer:
    """The middle convolution with a kernel larger than 1x1."""
    found = [layer for layer in plain_layers(file)[1:] if layer.weight.shape[-1] > 1]
    return found[len(found) // 2]


def some(count: int, strength: float) -> NDArray[np.float64]:
    """How much each of ``count`` channels is damaged: a share of them fully, one partly, in a random order."""
    order = np.random.default_rng(0).permutation(count)
    found = np.zeros(count)
    found[order] = np.clip(strength * count - np.arange(count), 0, 1)
    return found
