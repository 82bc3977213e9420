"""Operations that compare values, and those that compute sizes and positions or take computed ones."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from coremltools.converters.mil.mil import Builder as mb

from tests.mil.cases import OTHER, SHAPE, Case, t


def compared(compare: Callable[..., Any], x: Any, y: Any) -> Any:
    return mb.cast(x=compare(x=x, y=y), dtype="fp32")


def size_of(x: Any, axis: int) -> Any:
    return mb.gather(x=mb.shape(x=x), indices=axis, axis=0)


def above_peak(value: Any, x: Any) -> Any:
    """The sum of a value that follows from the shape, which is constant here, and the largest value of ``x``."""
    return mb.add(x=mb.cast(x=value, dtype="fp32"), y=mb.reduce_max(x=x, axes=[0, 1, 2, 3], keep_dims=False))


def half(size: Any) -> Any:
    return mb.floor_div(x=size, y=2)


SIZE_CASES: dict[str, Case] = {
    "equal": (lambda x: compared(mb.equal, mb.relu(x=x), 0.0), lambda x: (x.relu() == 0).float()),
    "not_equal": (lambda x: compared(mb.not_equal, mb.relu(x=x), 0.0), lambda x: (x > 0).float()),
    "greater": (lambda x: compared(mb.greater, x, OTHER), lambda x: (x > t(OTHER)).float()),
    "greater_equal": (lambda x: compared(mb.greater_equal, mb.relu(x=x), 0.0), lambda x: torch.ones(SHAPE)),
    "less": (lambda x: compared(mb.less, x, OTHER), lambda x: (x < t(OTHER)).float()),
    "less_equal": (lambda x: compared(mb.less_equal, mb.relu(x=x), 0.0), lambda x: (x <= 0).float()),
    "logical_and": (
        lambda x: compared(mb.logical_and, mb.greater(x=x, y=-1.0), mb.less(x=x, y=1.0)),
        lambda x: (x.abs() < 1).float(),
    ),
    "logical_or": (
        lambda x: compared(mb.logical_or, mb.greater(x=x, y=1.0), mb.less(x=x, y=-1.0)),
        lambda x: (x.abs() > 1).float(),
    ),
    "logical_xor": (
        lambda x: compared(mb.logical_xor, mb.greater(x=x, y=1.0), mb.greater(x=x, y=-1.0)),
        lambda x: (x.abs() <= 1).float(),
    ),
    "logical_not": (
        lambda x: mb.cast(x=mb.logical_not(x=mb.greater(x=x, y=1.0)), dtype="fp32"),
        lambda x: (x <= 1).float(),
    ),
    "select": (
        lambda x: mb.select(cond=mb.greater(x=x, y=0.0), a=x, b=mb.mul(x=x, y=0.5)),
        lambda x: torch.where(x > 0, x, x / 2),
    ),
    "shape": (lambda x: above_peak(mb.shape(x=x), x), lambda x: torch.tensor(SHAPE) + x.max()),
    "arithmetic_of_sizes": (
        lambda x: above_peak(mb.real_div(x=mb.mul(x=mb.add(x=mb.shape(x=x), y=[3, 2, 0, 2]), y=[2, 1, 3, 1]), y=2), x),
        lambda x: torch.tensor([4, 3, 9, 5]) + x.max(),
    ),
    "gather": (lambda x: mb.gather(x=x, indices=[2, 0, -1], axis=1), lambda x: x[:, [2, 0, 3]]),
    "gather_one": (lambda x: mb.gather(x=x, indices=-2, axis=3), lambda x: x[..., 6]),
    "gather_table": (
        lambda x: mb.gather(x=x, indices=np.array([[0, 1], [5, 3]], np.int32), axis=-2),
        lambda x: x[:, :, [[0, 1], [5, 3]]],
    ),
    "floor_div": (lambda x: mb.floor_div(x=x, y=OTHER), lambda x: torch.floor(x / t(OTHER))),
    "mod": (lambda x: mb.mod(x=x, y=OTHER), lambda x: torch.remainder(x, t(OTHER))),
    "range_1d": (
        lambda x: above_peak(mb.range_1d(end=size_of(x, 3), start=1, step=3), x),
        lambda x: torch.tensor([1, 4, 7]) + x.max(),
    ),
    "fill": (
        lambda x: above_peak(mb.fill(shape=mb.shape(x=x), value=0.5), x),
        lambda x: torch.full(SHAPE, 0.5) + x.max(),
    ),
    "fill_like": (
        lambda x: above_peak(mb.fill_like(ref_tensor=x, value=2.0), x),
        lambda x: torch.full(SHAPE, 2.0) + x.max(),
    ),
    "slice_by_size": (
        lambda x: mb.slice_by_size(x=x, begin=[0, 1, 2, 0], size=[-1, 2, 3, -1]),
        lambda x: x[:, 1:3, 2:5],
    ),
    "slice_by_computed_size": (
        lambda x: mb.slice_by_index(
            x=x,
            begin=[0, 0, 0, 0],
            end=mb.concat(values=[1, 4, half(size_of(x, 2)), half(size_of(x, 3))], axis=0),
        ),
        lambda x: x[:, :, :3, :4],
    ),
    "reshape_to_computed_size": (
        lambda x: mb.reshape(x=x, shape=mb.concat(values=[1, 2, 2, mb.mul(x=size_of(x, 2), y=size_of(x, 3))], axis=0)),
        lambda x: x.reshape(1, 2, 2, 48),
    ),
    "tile_by_computed_numbers": (
        lambda x: mb.tile(x=x, reps=mb.concat(values=[1, 1, half(size_of(x, 1)), 1], axis=0)),
        lambda x: x.repeat(1, 1, 2, 1),
    ),
    "stack_of_sizes": (
        lambda x: above_peak(mb.stack(values=[size_of(x, 2), size_of(x, 3)], axis=0), x),
        lambda x: torch.tensor([6, 8]) + x.max(),
    ),
}
