"""INT8 activations: ``quantize`` and ``dequantize`` (iOS 17)."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

_LIMITS = {"int8": (-128, 127), "uint8": (0, 255)}
# Per-tensor or per-channel.
Parameter = float | Tensor | tuple[int, ...]


def quantize(
    input: Tensor, scale: Parameter, output_dtype: str, zero_point: Parameter = 0.0, axis: int | None = None
) -> Tensor:
    """``clip(round(input / scale) + zero_point)``; ties round to even, as in coremltools' value inference."""
    quantised = torch.round(input / _along(scale, axis, input)) + _along(zero_point, axis, input)
    return torch.clamp(quantised, *_LIMITS[output_dtype])


def dequantize(input: Tensor, scale: Parameter, zero_point: Parameter = 0.0, axis: int | None = None) -> Tensor:
    """``(input - zero_point) * scale``"""
    return (input - _along(zero_point, axis, input)) * _along(scale, axis, input)


def _along(parameter: Parameter, axis: int | None, like: Tensor) -> Tensor:
    value = torch.as_tensor(parameter, dtype=torch.float32)
    if value.ndim == 0 or axis is None:
        return value
    return value.reshape([-1 if number == axis % like.ndim else 1 for number in range(like.ndim)])


OPERATIONS: dict[str, Callable[..., Any]] = {"quantize": quantize, "dequantize": dequantize}
