"""Operations that compute sizes and positions, as in programs whose input has several sizes, and that take them.

Computed integers are float32 tensors, as all computed values; those below 2**24 are exact.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

# One value of a program: computed, or a constant scalar, or a constant of one axis.
Value = Tensor | float | Sequence[float]


def whole(values: Tensor | Sequence[int]) -> tuple[int, ...]:
    """Sizes or positions, computed or constant, as Python integers."""
    return tuple(int(value) for value in (values.tolist() if isinstance(values, Tensor) else values))


def tensor(value: Value) -> Tensor:
    return torch.as_tensor(value, dtype=torch.float32)


def range_1d(end: Value, start: Value, step: Value) -> Tensor:
    first, last, stride = (float(tensor(value)) for value in (start, end, step))
    return torch.arange(first, last, stride, dtype=torch.float32)


def slice_by_size(x: Tensor, begin: Tensor | Sequence[int], size: Tensor | Sequence[int]) -> Tensor:
    """A size of -1 reaches to the end of its axis."""
    pairs = zip(whole(begin), whole(size), strict=True)
    return x[tuple(slice(first, None if length == -1 else first + length) for first, length in pairs)]


OPERATIONS: dict[str, Callable[..., Any]] = {
    "fill": lambda shape, value=0.0: torch.full(whole(shape), float(value)),
    "fill_like": lambda ref_tensor, value=0.0: torch.full_like(ref_tensor, float(value)),
    "floor_div": lambda x, y: torch.div(tensor(x), tensor(y), rounding_mode="floor"),
    "mod": lambda x, y: torch.remainder(tensor(x), tensor(y)),
    "range_1d": range_1d,
    "shape": lambda x: torch.tensor(x.shape, dtype=torch.float32),
    "slice_by_size": slice_by_size,
}
