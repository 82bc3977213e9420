"""Damages of weights, biases and activations inside the network."""

from collections.abc import Callable

import numpy as np

from tests.evaluation.damages.editable import Arithmetic, Editable, Floats, Handle, Layer, Place
from tests.evaluation.damages.setting import (
    DoesNotApply,
    Setting,
    blended,
    inner_layer,
    plain_layers,
    some,
    spatial_layer,
)

_Which = Callable[[Editable], Layer]
Apply = Callable[[Editable, float, Setting], None]


def last_layer(file: Editable) -> Layer:
    return file.layers[-1]


def bias_lost(which: _Which) -> Apply:
    def apply(file: Editable, strength: float, setting: Setting) -> None:
        layer = which(file)
        file.set_layer(layer, layer.weight, layer.bias * (1 - strength))

    return apply


def scaled(factor: float) -> Apply:
    """The inner layer's weights have a wrong scale, the bias has not."""

    def apply(file: Editable, strength: float, setting: Setting) -> None:
        layer = inner_layer(file)
        file.set_layer(layer, layer.weight * (1 + strength * (factor - 1)), layer.bias)

    return apply


def last_filter_scaled(factor: float) -> Apply:
    """As ``scaled``, for the filter of one output channel: all logits together may have any scale."""

    def apply(file: Editable, strength: float, setting: Setting) -> None:
        layer = last_layer(file)
        weight = layer.weight.copy()
        before = file.output.size("C") - len(weight)  # channels that other layers compute
        weight[setting.channel - before] *= 1 + strength * (factor - 1)
        file.set_layer(layer, weight, layer.bias)

    return apply


def bias_of_one_channel_shifted(file: Editable, strength: float, setting: Setting) -> None:
    """In the inner layer: by up to the sum of the filter's weights."""
    layer = inner_layer(file)
    bias = layer.bias.copy()
    bias[0] += strength * np.abs(layer.weight[0]).sum()
    file.set_layer(layer, layer.weight, bias)


def uneven_filters(file: Editable, strength: float, setting: Setting) -> None:
    """Batch norm folded with another variance: each filter has a factor of its own, from 0 to 2."""
    layer = inner_layer(file)
    factors = 1 + strength * np.random.default_rng(0).uniform(-1, 1, len(layer.weight))
    file.set_layer(layer, layer.weight * factors[:, None, None, None], layer.bias)


def filters_negated(file: Editable, strength: float, setting: Setting) -> None:
    layer = inner_layer(file)
    signs = 1 - 2 * some(len(layer.weight), strength)
    file.set_layer(layer, layer.weight * signs[:, None, None, None], layer.bias)


def coarse_weights(file: Editable, strength: float, setting: Setting) -> None:
    """Weights in steps of a share of the filter's largest: 4 bits at a strength of 1/7, 3 values at 1."""
    layer = inner_layer(file)
    step = strength * np.abs(layer.weight).max(axis=(1, 2, 3), keepdims=True)
    file.set_layer(layer, np.rint(layer.weight / step) * step, layer.bias)


def kernel_changed(change: Callable[[Floats], Floats]) -> Apply:
    def apply(file: Editable, strength: float, setting: Setting) -> None:
        layer = spatial_layer(file)
        changed = change(layer.weight)
        file.set_layer(layer, layer.weight + strength * (changed - layer.weight), layer.bias)

    return apply


def channels_zeroed(file: Editable, strength: float, setting: Setting) -> None:
    place = inner_layer(file).output
    kept = place.along("C", 1 - some(place.size("C"), strength))
    file.change(place, lambda on, x: on.apply("mul", x, kept))


def channels_swapped(file: Editable, strength: float, setting: Setting) -> None:
    """Neighbours, in some of all pairs."""
    place = inner_layer(file).output
    pairs = place.size("C") // 2
    shares = np.zeros(place.size("C"))
    shares[: 2 * pairs] = np.repeat(some(pairs, strength), 2)
    order = np.arange(len(shares))
    order[: 2 * pairs] = order[: 2 * pairs].reshape(-1, 2)[:, ::-1].ravel()
    blended(file, place, lambda on, x: on.apply("take", x, order, axis=place.axis("C")), place.along("C", shares))


def padding_moved(file: Editable, strength: float, setting: Setting) -> None:
    """Two rows of padding above and none below: the map is lower by one row."""
    place = spatial_layer(file).output
    rows = np.maximum(np.arange(place.size("H")) - 1, 0)
    blended(file, place, lambda on, x: on.apply("take", x, rows, axis=place.axis("H")), strength)


def phase_of_stride(file: Editable, strength: float, setting: Setting) -> None:
    """The second layer with a stride takes the odd rows and columns instead of the even ones, or the reverse."""
    layers = plain_layers(file)
    strided = [number for number, layer in enumerate(layers) if max(layer.strides) > 1]
    place = layers[strided[1] - 1].output

    def later(on: Arithmetic, x: Handle) -> Handle:
        for axis in (place.axis("H"), place.axis("W")):
            side = place.shape[axis]
            x = on.apply("take", x, np.minimum(np.arange(side) + 1, side - 1), axis=axis)
        return x

    blended(file, place, later, strength)


def half_of_map(file: Editable, strength: float, setting: Setting) -> None:
    """The lower half of an inner map is 0."""
    place = spatial_layer(file).output
    rows = place.size("H")
    kept = place.along("H", 1 - strength * (np.arange(rows) >= rows // 2))
    file.change(place, lambda on, x: on.apply("mul", x, kept))


def skip_dropped(file: Editable, strength: float, setting: Setting) -> None:
    try:
        place, skipped = file.skip
    except LookupError as error:
        raise DoesNotApply(str(error)) from error
    file.change(place, lambda on, x: on.apply("add", x, on.apply("mul", on.read(skipped), -strength)))


def zero_point_shifted(file: Editable, strength: float, setting: Setting) -> None:
    """What reads the inner tensor subtracts another zero point, by up to 64 of its 255 steps."""
    place, step = _quantised(file)
    shift = strength * 64 * step
    file.change(place, lambda on, x: on.apply("add", x, shift))


def range_too_narrow(file: Editable, strength: float, setting: Setting) -> None:
    """The inner tensor saturates at a share of its calibrated range."""
    place, step = _quantised(file)
    assert place.lowest is not None
    low, high = ((1 - strength) * end for end in (place.lowest, place.lowest + 255 * step))
    file.change(place, lambda on, x: on.apply("min", on.apply("max", x, low), high))


def range_too_wide(file: Editable, strength: float, setting: Setting) -> None:
    """The inner tensor's step is up to 64 times as large."""
    place, step = _quantised(file)
    coarse = step * (1 + 63 * strength)
    file.change(place, lambda on, x: on.in_steps(x, coarse))


def _quantised(file: Editable) -> tuple[Place, float]:
    place = inner_layer(file).output
    if place.step is None:
        raise DoesNotApply("its tensors are not quantised")
    return place, place.step
